using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Orchestration;
using Aspire.Hosting.Testing;
using Npgsql;
using Shop.Tests.Fixtures;

namespace Shop.Tests.StandIns.Hosting;

/// <summary>A server that somebody else runs: the host checks it, prepares it and lets others wait for it.</summary>
public sealed class ServerTests
{
    [Fact]
    public async Task Who_waits_for_a_cache_starts_when_it_answers_and_its_restart_is_followed()
    {
        var ready = 0;
        var builder = DistributedApplicationTestingBuilder.Create();
        using var ports = new PortReservations();
        var cache = builder.AddRedis("cache").AsProcess(ports.Take());
        cache.OnResourceReady((_, _, _) =>
        {
            Interlocked.Increment(ref ready);
            return Task.CompletedTask;
        });
        var process = builder.AddExecutable("cache-process", "redis-server", "/").WithArgs(context =>
        {
            foreach (var arg in (object[])[
                "--port", cache.Resource.Port, "--requirepass", cache.Resource.PasswordParameter!, "--save", "",
                "--dir", Path.GetTempPath()])
            {
                context.Args.Add(arg);
            }
        });
        cache.DrivenBy(process);
        builder.AddShell("service", "exec sleep 1000").WaitFor(cache);
        await using var app = await builder.BuildAsync();
        await app.StartAsync(AppUnderTest.Deadline);

        await app.UntilAsync("service", KnownResourceStates.Running);
        Assert.Equal(1, ready);

        await app.ResourceCommands.ExecuteCommandAsync(process.Resource, KnownResourceCommands.RestartCommand);
        await app.ResourceNotifications.WaitForResourceHealthyAsync(
            "cache", WaitBehavior.WaitOnResourceUnavailable, AppUnderTest.Deadline);
        await AppUnderTest.EventuallyAsync(() => Task.FromResult(ready == 2), "the ready event of the second run");
    }

    [Fact]
    public async Task A_database_is_created_when_its_server_is_ready()
    {
        var (connectionString, _) = await TestServers.GetAsync();
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        var builder = DistributedApplicationTestingBuilder.Create();
        builder.Configuration["Parameters:password"] = server.Password ?? "none";
        var postgres = builder.AddPostgres("postgres", password: builder.AddParameter("password", secret: true))
            .AsProcess(server.Port);
        var databaseName = $"host of {Guid.CreateVersion7()}";
        postgres.AddDatabase("catalogdb", databaseName);
        postgres.DrivenBy(builder.AddShell("postgres-process", "exec sleep 1000"));
        var database = builder.Resources.OfType<PostgresDatabaseResource>().Single();
        builder.AddShell("service", "exec sleep 1000").WaitFor(builder.CreateResourceBuilder(database));
        await using var app = await builder.BuildAsync();
        await app.StartAsync(AppUnderTest.Deadline);

        await app.UntilAsync("service", KnownResourceStates.Running);

        var made = await app.GetConnectionStringAsync("catalogdb");
        Assert.Equal(databaseName, await AskAsync(made!, "select current_database()"));
        await AskAsync(connectionString, $"drop database \"{databaseName}\"");
    }

    private static async Task<object?> AskAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection($"{connectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
