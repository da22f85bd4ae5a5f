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
    /// transactions, both as the service's own role, and a hosted service that applies the schema as the owner before
    /// anything else starts.
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

        // The sources are built by the container and bound lazily: the connection string may only be there at run time.
        var login = new Lazy<DatabaseLogin>(() => DatabaseLogin.Of(
            connectionName, builder.Configuration.GetConnectionString(connectionName), options));
        builder.Services.AddSingleton(services => new DatabaseSource<TDb>(BuildSource(
            TunedConnectionString(login.Value.Service, options), services.GetRequiredService<ILoggerFactory>())));
        builder.Services.AddSingleton(services => new DatabaseOwner<TDb>(
            connectionName, login.Value.Role,
            BuildSource(
                OwnerConnectionString(login.Value.Owner, options), services.GetRequiredService<ILoggerFactory>())));
        var messaging = MessagingOptions.From(builder.Configuration);
        builder.Services.AddSingleton(services => new OutboxWaker<TDb>(
            services.GetRequiredService<DatabaseSource<TDb>>().Source, messaging,
            services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<OutboxWaker<TDb>>>()));
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
                .UseNpgsql(TunedConnectionString(login.Value.Service, options))
                .UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking));

        // Started in this order, before all that was added earlier: the schema, then the partitions.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(services => new PartitionService<TDb>(
            services.GetRequiredService<DatabaseOwner<TDb>>().Source,
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<PartitionService<TDb>>>())));
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(services =>
            new SchemaMigratorService<TDb>(
                services.GetRequiredService<DatabaseOwner<TDb>>(),
                typeof(TDb).Assembly,
                services.GetRequiredService<ILogger<SchemaMigratorService<TDb>>>())));
    }

    private static NpgsqlDataSource BuildSource(string connectionString, ILoggerFactory loggers)
    {
        var source = new NpgsqlDataSourceBuilder(connectionString);
        source.UseLoggerFactory(loggers);
        return source.Build();
    }

    // Needed a few times an hour: a pool would only keep connections, and the owner's rights, open.
    private static string OwnerConnectionString(string connectionString, DatabaseOptions options) =>
        new NpgsqlConnectionStringBuilder(TunedConnectionString(connectionString, options)) { Pooling = false }
            .ConnectionString;

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

/// <summary>
/// The way into one service's database as the owner of its tables: for the schema, the rights and the partitions, and
/// for nothing else.
/// </summary>
internal sealed class DatabaseOwner<TDb>(string connectionName, DatabaseRole? role, NpgsqlDataSource source)
    : IDisposable
{
    public string ConnectionName => connectionName;

    /// <summary>The service's role; null where the service runs as the owner on request.</summary>
    public DatabaseRole? Role => role;

    public NpgsqlDataSource Source => source;

    public void Dispose() => source.Dispose();
}
