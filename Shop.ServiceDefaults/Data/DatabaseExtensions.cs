using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Data;

public static class DatabaseExtensions
{
    /// <summary>
    /// Adds the database of one service: the <see cref="DbContext"/> for reads, <see cref="Database{TDb}"/> for
    /// transactions, and a hosted service that applies the schema before anything else starts.
    /// </summary>
    /// <param name="builder">The host.</param>
    /// <param name="connectionName">Name of the connection string, such as <c>catalogdb</c>.</param>
    public static void AddDatabase<TDb>(this IHostApplicationBuilder builder, string connectionName)
        where TDb : DbContext
    {
        SqlTypes.Register();
        var options = builder.Configuration.GetSection(DatabaseOptions.Section).Get<DatabaseOptions>() ?? new();
        builder.Services.TryAddSingleton(options);
        builder.Services.TryAddSingleton(TimeProvider.System);

        // The source is built by the container and bound lazily: the connection string may only be there at run time.
        builder.Services.AddSingleton(services => new DatabaseSource<TDb>(
            BuildSource(builder.Configuration.GetConnectionString(connectionName)
                ?? throw new InvalidOperationException($"Connection string '{connectionName}' is missing."),
                options, services.GetRequiredService<ILoggerFactory>())));
        builder.Services.AddSingleton(services => new OutboxWaker<TDb>(
            services.GetRequiredService<DatabaseSource<TDb>>().Source,
            services.GetRequiredService<ILogger<OutboxWaker<TDb>>>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<OutboxWaker<TDb>>());
        builder.Services.AddSingleton(services => new Database<TDb>(
            services.GetRequiredService<DatabaseSource<TDb>>().Source, options,
            services.GetRequiredService<TimeProvider>(), services.GetRequiredService<OutboxWaker<TDb>>()));

        builder.Services.AddSingleton(services => new AuditedDatabase(
            connectionName, services.GetRequiredService<DatabaseSource<TDb>>().Source));

        builder.AddNpgsqlDbContext<TDb>(
            connectionName,
            settings => settings.DisableRetry = true,
            context => context
                .UseNpgsql(TunedConnectionString(
                    builder.Configuration.GetConnectionString(connectionName) ?? "", options))
                .UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking));

        // Started in this order, before all that was added earlier: the schema, then the partitions.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(services => new PartitionService<TDb>(
            services.GetRequiredService<DatabaseSource<TDb>>().Source,
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<PartitionService<TDb>>>())));
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(services =>
            new SchemaMigratorService<TDb>(
                services.GetRequiredService<DatabaseSource<TDb>>().Source,
                typeof(TDb).Assembly,
                services.GetRequiredService<ILogger<SchemaMigratorService<TDb>>>())));
    }

    private static NpgsqlDataSource BuildSource(
        string connectionString, DatabaseOptions options, ILoggerFactory loggers)
    {
        var source = new NpgsqlDataSourceBuilder(TunedConnectionString(connectionString, options));
        source.UseLoggerFactory(loggers);
        return source.Build();
    }

    private static string TunedConnectionString(string connectionString, DatabaseOptions options) =>
        new NpgsqlConnectionStringBuilder(connectionString)
        {
            MaxPoolSize = options.PoolSize,
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true,
            Enlist = false,
            Timeout = 5,
            CommandTimeout = Math.Max(1, (options.StatementTimeoutMs / 1000) + 2),
            // No statement here is worth compiling. The relay forbids sequential scans, which makes the one row of a
            // sequence look expensive enough: it was compiled at every look, for 35 ms.
            Options = $"-c lock_timeout={options.LockTimeoutMs} -c statement_timeout={options.StatementTimeoutMs} "
                + $"-c idle_in_transaction_session_timeout={options.IdleInTransactionTimeoutMs} "
                + "-c default_transaction_isolation=read\\ committed -c timezone=UTC -c jit=off",
        }.ConnectionString;
}

/// <summary>The pool of one service's database, told apart from the others in a process that hosts several.</summary>
public sealed class DatabaseSource<TDb>(NpgsqlDataSource source) : IDisposable
{
    public NpgsqlDataSource Source => source;

    public void Dispose() => source.Dispose();
}
