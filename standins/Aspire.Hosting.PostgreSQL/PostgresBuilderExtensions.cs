using System.Data.Common;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Aspire.Hosting;

public static class PostgresBuilderExtensions
{
    private const int PostgresPort = 5432;

    /// <summary>A PostgreSQL server. Its databases are created as soon as it answers.</summary>
    public static IResourceBuilder<PostgresServerResource> AddPostgres(
        this IDistributedApplicationBuilder builder,
        string name,
        IResourceBuilder<ParameterResource>? userName = null,
        IResourceBuilder<ParameterResource>? password = null,
        int? port = null)
    {
        var passwordParameter = password?.Resource
            ?? ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(builder, $"{name}-password");
        var server = new PostgresServerResource(name, userName?.Resource, passwordParameter);

        var check = new ConnectionCheck(server, ";Database=postgres");
        builder.Eventing.Subscribe<ConnectionStringAvailableEvent>(server, check.LearnAsync);
        builder.Eventing.Subscribe<ResourceReadyEvent>(server, async (e, ct) =>
        {
            var logger = e.Services.GetRequiredService<ResourceLoggerService>().GetLogger(server);
            await using var connection = await check.OpenAsync(ct);
            foreach (var database in server.Databases.Values) await CreateAsync(connection, database, logger, ct);
        });

        return builder.AddResource(server)
            .WithEndpoint(port: port, targetPort: PostgresPort, name: "tcp")
            .WithImage("library/postgres", "18.3")
            .WithCheck(check);
    }

    /// <summary>A database on the server, by default named like the resource.</summary>
    public static IResourceBuilder<PostgresDatabaseResource> AddDatabase(
        this IResourceBuilder<PostgresServerResource> builder, string name, string? databaseName = null)
    {
        var database = new PostgresDatabaseResource(name, databaseName ?? name, builder.Resource);
        builder.Resource.AddDatabase(name, database.DatabaseName);

        var check = new ConnectionCheck(database, "");
        builder.ApplicationBuilder.Eventing.Subscribe<ConnectionStringAvailableEvent>(database, check.LearnAsync);
        return builder.ApplicationBuilder.AddResource(database).WithCheck(check);
    }

    public static IResourceBuilder<PostgresServerResource> WithDataVolume(
        this IResourceBuilder<PostgresServerResource> builder, string? name = null, bool isReadOnly = false) =>
        builder.WithVolume(name ?? $"{builder.Resource.Name}-data", "/var/lib/postgresql", isReadOnly);

    private static IResourceBuilder<T> WithCheck<T>(this IResourceBuilder<T> builder, ConnectionCheck check)
        where T : IResource
    {
        var key = $"{builder.Resource.Name}_check";
        builder.ApplicationBuilder.Services.AddHealthChecks().AddCheck(key, check);
        return builder.WithHealthCheck(key);
    }

    private static async Task CreateAsync(
        NpgsqlConnection connection, string database, ILogger logger, CancellationToken ct)
    {
        using var quote = new NpgsqlCommandBuilder();
        await using var create = new NpgsqlCommand($"create database {quote.QuoteIdentifier(database)}", connection);
        try
        {
            await create.ExecuteNonQueryAsync(ct);
            logger.LogInformation("Created database {Database}", database);
        }
        catch (PostgresException exists) when (exists.SqlState == PostgresErrorCodes.DuplicateDatabase)
        {
            logger.LogDebug("Database {Database} is there already", database);
        }
    }

    /// <summary>Healthy when a connection opens and answers.</summary>
    private sealed class ConnectionCheck(IResourceWithConnectionString resource, string suffix) : IHealthCheck
    {
        private string? _connectionString;

        public async Task LearnAsync(ConnectionStringAvailableEvent e, CancellationToken ct) =>
            _connectionString = await resource.GetConnectionStringAsync(ct) + suffix;

        public async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
        {
            // Not pooled: a kept connection would hold back the server's shutdown and the drop of a test's database.
            var text = new NpgsqlConnectionStringBuilder(
                _connectionString ?? throw new DistributedApplicationException(
                    $"The connection string of '{resource.Name}' is not available yet."))
            {
                Pooling = false,
                Timeout = 5,
            };
            var connection = new NpgsqlConnection(text.ConnectionString);
            await connection.OpenAsync(ct);
            return connection;
        }

        public async Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var connection = await OpenAsync(cancellationToken);
                await using var probe = new NpgsqlCommand("select 1", connection);
                await probe.ExecuteScalarAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (Exception failure) when (failure is DbException or DistributedApplicationException)
            {
                return HealthCheckResult.Unhealthy(failure.Message, failure);
            }
        }
    }
}
