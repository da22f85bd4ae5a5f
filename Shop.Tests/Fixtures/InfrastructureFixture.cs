using Npgsql;

namespace Shop.Tests.Fixtures;

/// <summary>
/// For a test class of the second ring: an empty database of its own on the shared server, dropped at the end, and
/// Redis with a prefix of its own. Use as <c>IClassFixture&lt;InfrastructureFixture&gt;</c>.
/// </summary>
public sealed class InfrastructureFixture : IAsyncLifetime
{
    private readonly List<string> _databases = [];
    private string _postgres = "";

    /// <summary>Connection string of this class's first database.</summary>
    public string Database { get; private set; } = "";

    /// <summary>Connection string of Redis, for StackExchange.Redis.</summary>
    public string Redis { get; private set; } = "";

    /// <summary>A new prefix for streams and keys at each call; tests share one Redis.</summary>
    public static string NewPrefix() => $"t{Guid.CreateVersion7():n}:";

    public async Task InitializeAsync()
    {
        (_postgres, Redis) = await TestServers.GetAsync();
        Database = await CreateDatabaseAsync();
    }

    /// <summary>Another empty database, dropped at the end; the answer is its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"t{Guid.CreateVersion7():n}";
        await ExecuteAsync($"create database {name}");
        _databases.Add(name);
        return new NpgsqlConnectionStringBuilder(_postgres) { Database = name }.ConnectionString;
    }

    /// <summary>
    /// A connection to the first database as its owner: tests look at and arrange what the service's role may not.
    /// </summary>
    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(Database);
        await connection.OpenAsync();
        return connection;
    }

    public async Task DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        foreach (var name in _databases)
        {
            await Eventually.HoldsAsync(() => TryDropAsync(name), what: $"{name} is dropped");
            await ExecuteAsync($"drop role if exists {name}_app"); // The one its service made: see DatabaseLogin.
        }
    }

    // Who is thrown out has five seconds to go; on a busy machine it may need more.
    private async Task<bool> TryDropAsync(string name)
    {
        try
        {
            await ExecuteAsync($"drop database if exists {name} with (force)");
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            return false;
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        var server = new NpgsqlConnectionStringBuilder(_postgres) { Database = "postgres", Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
