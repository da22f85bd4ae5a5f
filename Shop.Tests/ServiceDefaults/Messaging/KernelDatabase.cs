using Dapper;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Tests.Fixtures;
using StackExchange.Redis;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>A service's database with nothing but the kernel's tables and what a test's handlers write.</summary>
public sealed class KernelDb(DbContextOptions<KernelDb> options) : DbContext(options);

/// <summary>A second one, for what runs between databases.</summary>
public sealed class OtherDb(DbContextOptions<OtherDb> options) : DbContext(options);

/// <summary>Two fresh databases for a test class, and the Redis they share with everybody.</summary>
public sealed class KernelDatabase : IAsyncLifetime
{
    private const string EffectsSql = """
        create table if not exists effects (
            id       bigint generated always as identity primary key,
            event_id uuid   not null,
            key      uuid   not null,
            version  bigint not null,
            what     text   not null)
        """;

    private readonly string _suffix = Guid.CreateVersion7().ToString("N");

    private string _server = "";

    public string Redis { get; private set; } = "";

    public string Main => ConnectionString($"kernel_{_suffix}");

    public string Other => ConnectionString($"kernel_{_suffix}_other");

    public IConnectionMultiplexer Multiplexer { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        (_server, Redis) = await TestServers.GetAsync();
        Multiplexer = await ConnectionMultiplexer.ConnectAsync(Redis);
        foreach (var name in Names) await ExecuteAsync(ConnectionString("postgres"), $"create database {name}");
        foreach (var database in new[] { Main, Other }) await ExecuteAsync(database, EffectsSql);
    }

    public async Task DisposeAsync()
    {
        await Multiplexer.CloseAsync();
        foreach (var name in Names)
        {
            await ExecuteAsync(ConnectionString("postgres"), $"drop database if exists {name} with (force)");
            await ExecuteAsync(ConnectionString("postgres"), $"drop role if exists {name}_app");
        }
    }

    /// <summary>A connection apart from every pool: nothing of a test's session outlives it.</summary>
    public static async Task<NpgsqlConnection> OpenAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return connection;
    }

    public static async Task ExecuteAsync(string connectionString, string sql, object? parameters = null)
    {
        await using var connection = await OpenAsync(connectionString);
        await connection.ExecuteAsync(sql, parameters);
    }

    public static async Task<IReadOnlyList<T>> QueryAsync<T>(
        string connectionString, string sql, object? parameters = null)
    {
        await using var connection = await OpenAsync(connectionString);
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    private IEnumerable<string> Names => [$"kernel_{_suffix}", $"kernel_{_suffix}_other"];

    private string ConnectionString(string database) =>
        new NpgsqlConnectionStringBuilder(_server) { Database = database, Pooling = false }.ConnectionString;
}
