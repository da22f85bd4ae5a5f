using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shop.Catalog;
using Shop.Identity;
using Shop.Ordering;
using Shop.Payments;
using Shop.PaymentSandbox;
using Shop.ServiceDefaults.Data;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Security;

/// <summary>The databases of all services, each with its schema, its owner and its role; nothing else runs.</summary>
public sealed class ServiceDatabases : IAsyncLifetime
{
    private readonly InfrastructureFixture _servers = new();
    private readonly List<IHost> _hosts = [];
    private readonly Dictionary<string, ServiceDatabase> _databases = [];

    internal ServiceDatabase this[string name] => _databases[name];

    internal IEnumerable<ServiceDatabase> All => _databases.Values;

    public async Task InitializeAsync()
    {
        await _servers.InitializeAsync();
        await AddAsync<IdentityDb>("identitydb");
        await AddAsync<CatalogDb>("catalogdb");
        await AddAsync<OrderingDb>("orderingdb");
        await AddAsync<PaymentsDb>("paymentsdb");
        await AddAsync<SandboxDb>("sandboxdb");
    }

    public async Task DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.StopAsync();
            host.Dispose();
        }

        await _servers.DisposeAsync();
    }

    private async Task AddAsync<TDb>(string name)
        where TDb : DbContext
    {
        var owner = await _servers.CreateDatabaseAsync();
        var host = await StartAsync<TDb>(name, owner);
        _hosts.Add(host);
        _databases[name] = new(name, owner, host.Services.GetRequiredService<DatabaseSource<TDb>>().Source);
    }

    /// <summary>A process that has the database of a service, and nothing else of it.</summary>
    internal static async Task<IHost> StartAsync<TDb>(
        string name, string connectionString, params (string Key, string Value)[] settings)
        where TDb : DbContext
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(s => s.Key, string? (s) => s.Value));
        builder.Configuration[$"ConnectionStrings:{name}"] = connectionString;
        builder.AddDatabase<TDb>(name);
        var host = builder.Build();
        try
        {
            await host.StartAsync();
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }
}

/// <summary>One of them.</summary>
/// <param name="Owner">Connection string of the owner.</param>
/// <param name="Role">What the service itself works with.</param>
internal sealed record ServiceDatabase(string Name, string Owner, NpgsqlDataSource Role)
{
    /// <summary>How the service finds its role, with no settings but the connection string.</summary>
    public DatabaseLogin Login => DatabaseLogin.Of(Name, Owner, new());

    public override string ToString() => Name;

    /// <summary>Runs a statement as the service's role; answers the SQLSTATE, empty where it went through.</summary>
    public async Task<string> TryAsRoleAsync(string sql)
    {
        await using var connection = await Role.OpenConnectionAsync();
        try
        {
            await connection.ExecuteAsync(sql);
            return "";
        }
        catch (PostgresException e)
        {
            return e.SqlState;
        }
    }

    public async Task<T> AsRoleAsync<T>(string sql)
    {
        await using var connection = await Role.OpenConnectionAsync();
        return (await connection.ExecuteScalarAsync<T>(sql))!;
    }

    public async Task<IReadOnlyList<T>> AsOwnerAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(Owner);
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }
}
