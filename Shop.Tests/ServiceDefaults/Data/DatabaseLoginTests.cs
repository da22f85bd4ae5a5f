using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.Tests.ServiceDefaults.Data;

public sealed class DatabaseLoginTests
{
    private const string Owner = "Host=server;Port=1234;Username=postgres;Password=owner;Database=catalogdb";

    [Fact]
    public void The_role_is_named_after_the_database_and_all_else_stays_as_configured()
    {
        var login = Of(Owner, new() { RoleSecret = "secret" });

        var service = new NpgsqlConnectionStringBuilder(login.Service);
        Assert.Equal(Owner, login.Owner);
        Assert.Equal(
            ("server", 1234, "catalogdb", "catalogdb_app"),
            (service.Host, service.Port, service.Database, service.Username));
        Assert.Equal(43, service.Password!.Length);
    }

    [Fact]
    public void Each_process_derives_the_same_password_and_each_role_has_its_own()
    {
        var options = new DatabaseOptions { RoleSecret = "secret" };
        var elsewhere = Owner.Replace("server", "other", StringComparison.Ordinal);
        var ordering = Owner.Replace("catalogdb", "orderingdb", StringComparison.Ordinal);

        Assert.Equal(PasswordOf(Owner, options), PasswordOf(elsewhere, options));
        Assert.NotEqual(PasswordOf(Owner, options), PasswordOf(ordering, options));
        Assert.NotEqual(PasswordOf(Owner, options), PasswordOf(Owner, new() { RoleSecret = "another" }));
    }

    [Fact]
    public void Without_a_secret_the_owners_password_stands_in()
    {
        Assert.Equal(PasswordOf(Owner, new() { RoleSecret = "owner" }), PasswordOf(Owner, new()));
    }

    [Theory]
    [InlineData(null, "Connection string 'catalogdb' is missing")]
    [InlineData("Host=server;Username=postgres;Database=catalogdb", "Set Database:RoleSecret")]
    [InlineData("Host=server;Username=postgres;Password=x", "needs the name of a database")]
    [InlineData("Host=server;Username=catalogdb_app;Password=x;Database=catalogdb", "owns the tables")]
    public void What_is_missing_is_said(string? connectionString, string message)
    {
        var failure = Assert.Throws<InvalidOperationException>(() => Of(connectionString, new()));

        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_given_role_needs_name_and_password_and_is_left_to_whoever_made_it()
    {
        var options = new DatabaseOptions { Roles = { ["catalogdb"] = new() { Name = "app", Password = "pass" } } };
        var nameless = new DatabaseOptions { Roles = { ["catalogdb"] = new() { Password = "pass" } } };

        Assert.Equal(new("app", "pass", IsGiven: true), Of(Owner, options).Role);
        Assert.Throws<InvalidOperationException>(() => Of(Owner, nameless));
    }

    [Fact]
    public void The_owner_serves_only_where_that_is_asked_for()
    {
        Assert.Equal(new(Owner, Owner, Role: null), Of(Owner, new() { RunAsOwner = true }));
    }

    private static DatabaseLogin Of(string? connectionString, DatabaseOptions options) =>
        DatabaseLogin.Of("catalogdb", connectionString, options);

    private static string PasswordOf(string connectionString, DatabaseOptions options) =>
        Of(connectionString, options).Role!.Password;
}
