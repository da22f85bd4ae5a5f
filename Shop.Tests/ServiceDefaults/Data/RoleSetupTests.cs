using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shop.PaymentSandbox;
using Shop.ServiceDefaults.Data;
using Shop.Tests.Fixtures;
using Shop.Tests.Security;

namespace Shop.Tests.ServiceDefaults.Data;

/// <summary>How a service comes to its role, with the sandbox's database as the example.</summary>
public sealed class RoleSetupTests(InfrastructureFixture servers) : IClassFixture<InfrastructureFixture>
{
    private const string Name = "sandboxdb";
    private const string UserSql = "select current_user::text";

    [Fact]
    public async Task Reads_and_writes_both_run_as_the_role_that_is_named_after_the_database()
    {
        var owner = await servers.CreateDatabaseAsync();
        using var host = await StartAsync(owner);
        await using var scope = host.Services.CreateAsyncScope();

        var role = $"{new NpgsqlConnectionStringBuilder(owner).Database}_app";
        Assert.Equal(role, await UserOfAsync(host));
        var reads = scope.ServiceProvider.GetRequiredService<SandboxDb>().Database;
        Assert.Equal(role, await reads.GetDbConnection().ExecuteScalarAsync<string>(UserSql));
    }

    [Fact]
    public async Task Another_secret_changes_the_password_at_the_next_start()
    {
        var owner = await servers.CreateDatabaseAsync();
        using (await StartAsync(owner, ("Database:RoleSecret", "first")))
        {
        }

        using (await StartAsync(owner, ("Database:RoleSecret", "second")))
        {
        }

        var refused = await Assert.ThrowsAsync<PostgresException>(() => OpenAsync(LoginOf(owner, "first").Service));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
        await OpenAsync(LoginOf(owner, "second").Service);
    }

    [Fact]
    public async Task What_was_granted_by_hand_is_gone_after_the_next_start()
    {
        var owner = await servers.CreateDatabaseAsync();
        var role = LoginOf(owner, null).Role!.Name;
        using (await StartAsync(owner))
        {
        }

        await ExecuteAsync(
            owner,
            $"grant delete, update (body) on webhooks to {role}; grant create on schema public to {role}");
        using var host = await StartAsync(owner);

        await AssertDeniedAsync(host, "delete from webhooks");
        await AssertDeniedAsync(host, "update webhooks set body = ''");
        await AssertDeniedAsync(host, "create table another (id int)");
    }

    [Fact]
    public async Task An_owner_who_may_not_make_roles_is_told_what_to_do_and_nothing_runs_as_the_owner()
    {
        var owner = await LimitedOwnerAsync();

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(owner));

        Assert.Contains("CREATEROLE", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"Database:Roles:{Name}:Name", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Database:RunAsOwner=true", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_owner_who_may_not_make_roles_runs_with_one_made_beforehand_or_alone_on_request()
    {
        var owner = await LimitedOwnerAsync();
        var made = $"{new NpgsqlConnectionStringBuilder(owner).Database}_app"; // Dropped with its database.
        await ExecuteAsync(servers.Database, $"create role {made} login password 'beforehand'");

        using (var host = await StartAsync(
            owner, ($"Database:Roles:{Name}:Name", made), ($"Database:Roles:{Name}:Password", "beforehand")))
        {
            Assert.Equal(made, await UserOfAsync(host));
            await AssertDeniedAsync(host, "delete from captures");
        }

        using var alone = await StartAsync(owner, ("Database:RunAsOwner", "true"));
        Assert.Equal(new NpgsqlConnectionStringBuilder(owner).Username, await UserOfAsync(alone));
    }

    [Fact]
    public async Task A_role_that_could_help_itself_to_more_is_refused()
    {
        var owner = await servers.CreateDatabaseAsync();
        var made = $"{new NpgsqlConnectionStringBuilder(owner).Database}_app";
        await ExecuteAsync(owner, $"create role {made} login password 'x' createrole; grant pg_monitor to {made}");

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(owner));

        Assert.Contains("may create roles, is a member of another role", failure.Message, StringComparison.Ordinal);
    }

    private static Task<IHost> StartAsync(string owner, params (string Key, string Value)[] settings) =>
        ServiceDatabases.StartAsync<SandboxDb>(Name, owner, settings);

    private static DatabaseLogin LoginOf(string owner, string? secret) =>
        DatabaseLogin.Of(Name, owner, new DatabaseOptions { RoleSecret = secret });

    /// <summary>A database whose owner has no rights beyond it, as a managed server hands it out.</summary>
    private async Task<string> LimitedOwnerAsync()
    {
        var address = new NpgsqlConnectionStringBuilder(await servers.CreateDatabaseAsync());
        var limited = $"{address.Database}_owner";
        await ExecuteAsync(
            servers.Database,
            $"create role {limited} login password 'limited'; alter database {address.Database} owner to {limited}");
        address.Username = limited;
        address.Password = "limited";
        return address.ConnectionString;
    }

    private static async Task<string?> UserOfAsync(IHost host)
    {
        await using var connection = await host.Services.GetRequiredService<Database<SandboxDb>>()
            .Source.OpenConnectionAsync();
        return await connection.ExecuteScalarAsync<string>(UserSql);
    }

    private static async Task AssertDeniedAsync(IHost host, string sql)
    {
        await using var connection = await host.Services.GetRequiredService<Database<SandboxDb>>()
            .Source.OpenConnectionAsync();
        var denied = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, denied.SqlState);
    }

    private static async Task OpenAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.ExecuteAsync(sql);
    }
}
