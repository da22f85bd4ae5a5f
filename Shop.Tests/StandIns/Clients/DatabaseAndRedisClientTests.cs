using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace Shop.Tests.StandIns.Clients;

/// <summary>
/// https://learn.microsoft.com/dotnet/aspire/database/postgresql-entity-framework-integration and
/// https://learn.microsoft.com/dotnet/aspire/caching/stackexchange-redis-integration: where the settings come from,
/// what is registered, and that a server which is away at the start is no reason to fail. Port 1 answers nobody.
/// </summary>
public sealed class DatabaseAndRedisClientTests
{
    private const string Nobody = "Host=127.0.0.1;Port=1;Database=x;Username=x;Timeout=1";

    [Fact]
    public void The_context_takes_the_connection_string_of_its_name_retries_and_is_pooled()
    {
        using var host = Build(
            builder => builder.AddNpgsqlDbContext<TinyDb>("tinydb"), ("ConnectionStrings:tinydb", Nobody));
        TinyDb first;
        using (var scope = host.Services.CreateScope())
        {
            first = scope.ServiceProvider.GetRequiredService<TinyDb>();
            Assert.Equal(Nobody, first.Database.GetConnectionString());
            Assert.True(first.Database.CreateExecutionStrategy().RetriesOnFailure);
        }

        using var next = host.Services.CreateScope();
        Assert.Same(first, next.ServiceProvider.GetRequiredService<TinyDb>());
    }

    [Fact]
    public void Settings_come_from_the_section_then_that_of_the_context_then_the_delegate()
    {
        using var host = Build(
            builder => builder.AddNpgsqlDbContext<TinyDb>(
                "tinydb",
                settings => settings.DisableRetry = settings.CommandTimeout == 7,
                options => options.UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking)),
            ("ConnectionStrings:tinydb", Nobody),
            ("Aspire:Npgsql:EntityFrameworkCore:PostgreSQL:CommandTimeout", "5"),
            ("Aspire:Npgsql:EntityFrameworkCore:PostgreSQL:TinyDb:CommandTimeout", "7"));
        using var scope = host.Services.CreateScope();
        var db = scope.ServiceProvider.GetRequiredService<TinyDb>();

        Assert.Equal(7, db.Database.GetCommandTimeout());
        Assert.False(db.Database.CreateExecutionStrategy().RetriesOnFailure);
        Assert.Equal(QueryTrackingBehavior.NoTracking, db.ChangeTracker.QueryTrackingBehavior);
    }

    [Fact]
    public void A_missing_connection_string_is_said_when_the_client_is_asked_for()
    {
        using var host = Build(builder =>
        {
            builder.AddNpgsqlDbContext<TinyDb>("tinydb");
            builder.AddRedisClient("cache");
        });
        using var scope = host.Services.CreateScope();

        var database = Assert.Throws<InvalidOperationException>(scope.ServiceProvider.GetRequiredService<TinyDb>);
        var redis = Assert.Throws<InvalidOperationException>(
            host.Services.GetRequiredService<IConnectionMultiplexer>);

        Assert.Contains("ConnectionStrings:tinydb", database.Message, StringComparison.Ordinal);
        Assert.Contains("ConnectionStrings:cache", redis.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Servers_that_are_away_make_the_named_checks_unhealthy_and_nothing_else_fails()
    {
        using var host = Build(
            builder =>
            {
                builder.AddNpgsqlDbContext<TinyDb>("tinydb", settings => settings.DisableRetry = true);
                builder.AddRedisClient("cache", configureOptions: options => options.ConnectTimeout = 200);
            },
            ("ConnectionStrings:tinydb", Nobody),
            ("ConnectionStrings:cache", "127.0.0.1:1"));

        var redis = host.Services.GetRequiredService<IConnectionMultiplexer>();
        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

        Assert.False(redis.IsConnected);
        Assert.Same(redis, host.Services.GetRequiredService<IConnectionMultiplexer>());
        Assert.Equal(["StackExchange.Redis", "TinyDb"], report.Entries.Keys.Order());
        Assert.All(report.Entries.Values, entry => Assert.Equal(HealthStatus.Unhealthy, entry.Status));
    }

    [Fact]
    public void Checks_that_are_not_wanted_are_not_there()
    {
        using var host = Build(
            builder =>
            {
                builder.Services.AddHealthChecks();
                builder.AddNpgsqlDbContext<TinyDb>("tinydb", settings => settings.DisableHealthChecks = true);
                builder.AddRedisClient("cache");
            },
            ("Aspire:StackExchange:Redis:cache:DisableHealthChecks", "true"));

        Assert.Empty(host.Services.GetRequiredService<
            Microsoft.Extensions.Options.IOptions<HealthCheckServiceOptions>>().Value.Registrations);
    }

    private static IHost Build(
        Action<HostApplicationBuilder> configure, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        configure(builder);
        return builder.Build();
    }

    public sealed class TinyDb(DbContextOptions<TinyDb> options) : DbContext(options);
}
