using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>What one process hosts, put together by a test and started; many of them stand for replicas.</summary>
public sealed class KernelProcess : IAsyncDisposable
{
    private readonly IHost _host;

    private KernelProcess(IHost host) => _host = host;

    public IServiceProvider Services => _host.Services;

    public Database<KernelDb> Database => Services.GetRequiredService<Database<KernelDb>>();

    /// <summary>Where the tables of <see cref="Database"/> are made and dropped.</summary>
    public Npgsql.NpgsqlDataSource Owner => Services.GetRequiredService<DatabaseOwner<KernelDb>>().Source;

    public Database<OtherDb> OtherDatabase => Services.GetRequiredService<Database<OtherDb>>();

    public static async Task<KernelProcess> StartAsync(
        KernelDatabase databases, string prefix, Action<IHostApplicationBuilder> configure,
        params (string Key, string Value)[] settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:kerneldb"] = Pooled(databases.Main),
            ["ConnectionStrings:otherdb"] = Pooled(databases.Other),
            ["ConnectionStrings:cache"] = databases.Redis,
            ["Messaging:StreamPrefix"] = prefix,
            ["Messaging:LeaseRenewMilliseconds"] = "100",
            ["Messaging:LeaseTakeoverMilliseconds"] = "500",
            ["Messaging:RelayPollMilliseconds"] = "20",
            ["Messaging:ReaderPollMilliseconds"] = "20",
            ["Messaging:RetryPauseMilliseconds"] = "10",
            ["Messaging:MaxRetryPauseMilliseconds"] = "50",
            ["Messaging:MaxAttempts"] = "3",
        });
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(s => s.Key, string? (s) => s.Value));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.AddRedisClient("cache");
        builder.AddDatabase<KernelDb>("kerneldb");
        builder.AddDatabase<OtherDb>("otherdb");
        configure(builder);
        var host = builder.Build();
        await host.StartAsync();
        return new(host);
    }

    /// <summary>Publishes one event in a transaction of its own.</summary>
    public Task PublishAsync<TEvent>(TEvent @event, long version = 1)
        where TEvent : IEvent => PublishAsync(Database, @event, version);

    public static Task PublishAsync<TDb, TEvent>(Database<TDb> database, TEvent @event, long version = 1)
        where TDb : DbContext
        where TEvent : IEvent =>
        database.TransactAsync(
            tx =>
            {
                tx.Publish(@event, version);
                return Task.CompletedTask;
            },
            CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static string Pooled(string connectionString) =>
        new Npgsql.NpgsqlConnectionStringBuilder(connectionString) { Pooling = true }.ConnectionString;
}
