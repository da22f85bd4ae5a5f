using Npgsql;

namespace Shop.Tests.Security;

/// <summary>
/// Each service's role is refused what its code does not do. Nothing here is read from the grants: every statement is
/// really run as the role, against every table and column there is.
/// </summary>
public sealed class DatabaseRolesTests(ServiceDatabases databases) : IClassFixture<ServiceDatabases>
{
    // Partitions are reached through their table; the default ones have names of their own in the code.
    private const string TablesSql = """
        select relname::text
          from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
           and (not relispartition or relname like '%\_default')
         order by relname
        """;

    private const string ColumnsSql = """
        select attname::text
          from pg_attribute
         where attrelid = @table::regclass and attnum > 0 and not attisdropped
           and attidentity = '' and attgenerated = ''
         order by attname
        """;

    public static TheoryData<string> Names => ["identitydb", "catalogdb", "orderingdb", "paymentsdb", "sandboxdb"];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_role_may_do_with_every_table_what_is_written_for_it_and_nothing_else(string name)
    {
        var expected = ServiceRights.Of(name);
        var tables = await databases[name].AsOwnerAsync<string>(TablesSql);

        var undecided = tables.Except(expected.Keys).ToList();
        Assert.True(undecided.Count == 0, $"{name}: {string.Join(", ", undecided)} has no line in grants.sql and in "
            + "ServiceRights.cs: say in both what the service may do with it.");
        Assert.Empty(expected.Keys.Except(tables));

        var actual = new List<string>();
        foreach (var table in tables) actual.Add($"{table}: {await RightsAsync(databases[name], table)}");
        Assert.Equal(expected.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}: {e.Value}"), actual);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_role_may_not_change_the_schema_or_become_somebody_else(string name)
    {
        var database = databases[name];
        var table = ServiceRights.Of(name).Keys.Last();
        var role = await database.AsRoleAsync<string>("select current_user::text");
        var owner = new NpgsqlConnectionStringBuilder(database.Owner).Username;
        string[] statements =
        [
            "create table another (id int)",
            "create temporary table another (id int)",
            "create schema another",
            "create function another() returns int language sql as 'select 1'",
            $"create index another on {table} ((1))",
            $"create trigger another before insert on {table} for each row execute function pg_notify()",
            $"alter table {table} add column another int",
            $"alter table {table} disable trigger all",
            $"alter table {table} owner to {role}",
            $"drop table {table}",
            $"create policy another on {table}",
            "create table another partition of outbox for values from ('2000-01-01') to ('2000-01-02')",
            "drop table outbox_default",
            "set session_replication_role = replica",
            $"set role {owner}",
            $"set session authorization {owner}",
            $"alter role {role} createrole",
            $"alter role {owner} password 'x'",
            "create role another",
            "create database another",
            $"copy {table} to program 'true'",
            "select pg_read_file('PG_VERSION')",
        ];

        var passed = new List<string>();
        foreach (var sql in statements)
        {
            var state = await database.TryAsRoleAsync(sql);
            if (state != PostgresErrorCodes.InsufficientPrivilege) passed.Add($"{sql} -> '{state}'");
        }

        Assert.Empty(passed);
        // PostgreSQL answers this one with a warning; what counts is that it gives nothing.
        await database.TryAsRoleAsync($"grant truncate on {table} to {role}");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await database.TryAsRoleAsync($"truncate {table}"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_role_owns_nothing_and_belongs_to_nobody(string name)
    {
        const string facts = """
            select concat_ws(' ', rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
                             (select count(*) from pg_auth_members where member = r.oid),
                             (select count(*) from pg_class where relowner = r.oid),
                             (select count(*) from pg_database where datdba = r.oid))
              from pg_roles r
             where rolname = current_user
            """;
        // A function that runs as its owner would lend the owner's rights to whoever may call it.
        const string lent =
            "select proname::text from pg_proc where prosecdef and pronamespace = 'public'::regnamespace";

        Assert.Equal("f f f f f 0 0 0", await databases[name].AsRoleAsync<string>(facts));
        Assert.Empty(await databases[name].AsOwnerAsync<string>(lent));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_role_is_let_into_its_own_database_only(string name)
    {
        foreach (var other in databases.All.Where(other => other.Name != name))
        {
            var foreign = new NpgsqlConnectionStringBuilder(databases[name].Login.Service)
            {
                Database = new NpgsqlConnectionStringBuilder(other.Owner).Database,
                Pooling = false,
            };
            await using var connection = new NpgsqlConnection(foreign.ConnectionString);

            var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync());

            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_time_limits_hold_for_the_role(string name)
    {
        var limits = await databases[name].AsRoleAsync<string>("""
            select concat_ws(' ', current_setting('lock_timeout'), current_setting('statement_timeout'),
                             current_setting('idle_in_transaction_session_timeout'),
                             current_setting('transaction_isolation'), current_setting('timezone'))
            """);

        Assert.Equal("2s 10s 5s read committed UTC", limits);
    }

    /// <summary>Such as <c>select, insert, update (status)</c>: what went past the check of rights.</summary>
    private static async Task<string> RightsAsync(ServiceDatabase database, string table)
    {
        var columns = await database.AsOwnerAsync<string>(ColumnsSql, new { table });
        var rights = new List<string>();
        if (await MayAsync($"select 1 from {table} where false")) rights.Add("select");
        var nulls = string.Join(", ", columns.Select(_ => "null"));
        if (await MayAsync($"insert into {table} ({string.Join(", ", columns)}) select {nulls} where false"))
        {
            rights.Add("insert");
        }

        var changeable = new List<string>();
        foreach (var column in columns)
        {
            if (await MayAsync($"update {table} set {column} = default where false")) changeable.Add(column);
        }

        if (changeable.Count > 0) rights.Add($"update ({string.Join(", ", changeable)})");
        if (await MayAsync($"delete from {table} where false")) rights.Add("delete");
        if (await MayAsync($"truncate {table}")) rights.Add("truncate");
        if (await database.AsRoleAsync<bool>($"select has_table_privilege('{table}', 'references, trigger')"))
        {
            rights.Add("references or trigger");
        }

        return rights.Count == 0 ? "nothing" : string.Join(", ", rights);

        // Another failure than this one is of something that was begun.
        async Task<bool> MayAsync(string sql) =>
            await database.TryAsRoleAsync(sql) != PostgresErrorCodes.InsufficientPrivilege;
    }
}
