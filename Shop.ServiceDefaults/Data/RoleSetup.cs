using Dapper;
using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// Makes a service's role and gives it what the grants files say, and nothing else: all that it had before is taken
/// away first, in the same transaction. Runs on the owner's connection, under the migrator's lock.
/// </summary>
internal static class RoleSetup
{
    private const string ExistsSql = "select exists (select from pg_roles where rolname = @Name)";

    // Why a role is none for a service: it could help itself to what it was not granted.
    private const string TooMuchSql = """
        select concat_ws(
                   ', ',
                   case when r.rolsuper then 'is a superuser' end,
                   case when r.rolcreaterole then 'may create roles' end,
                   case when r.rolcreatedb then 'may create databases' end,
                   case when r.rolreplication then 'may replicate' end,
                   case when r.rolbypassrls then 'bypasses row security' end,
                   case when exists (select from pg_auth_members m where m.member = r.oid)
                        then 'is a member of another role' end,
                   case when exists (select from pg_shdepend d
                                      where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid
                                        and d.deptype = 'o')
                        then 'owns something' end)
          from pg_roles r
         where r.rolname = @Name
        """; // No row: there is no such role.

    private const string DatabaseSql = """
        revoke all on database {database} from public, {role};
        grant connect on database {database} to {role};
        revoke create on schema public from public;
        revoke all on schema public from {role};
        grant usage on schema public to {role};
        """;

    // Only what it has: rewriting the rights of every partition at each start would cost more than it is worth.
    private const string HeldSql = """
        select format('revoke all on %s %s from %I',
                      case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass, r.rolname)
          from pg_class c
          join pg_roles r on r.rolname = @Name
         where exists (select from aclexplode(c.relacl) as held where held.grantee = r.oid)
            or exists (select
                         from pg_attribute a, aclexplode(a.attacl) as held
                        where a.attrelid = c.oid and held.grantee = r.oid)
        """;

    /// <exception cref="InvalidOperationException">
    /// The owner may not make roles, or the role is not one for a service; the message says what to do.
    /// </exception>
    public static async Task ApplyAsync(
        NpgsqlConnection connection, string connectionName, DatabaseRole role, IEnumerable<string> grants,
        CancellationToken ct)
    {
        if (!role.IsGiven) await MakeAsync(connection, connectionName, role, ct);
        var tooMuch = await connection.ExecuteScalarAsync<string?>(Command(TooMuchSql));
        if (tooMuch is not "")
        {
            throw new InvalidOperationException(
                $"The role {role.Name} of '{connectionName}' {tooMuch ?? "does not exist"}: a service's role has no "
                + "rights but those it is granted.");
        }

        using var names = new NpgsqlCommandBuilder();
        var quoted = names.QuoteIdentifier(role.Name);
        await connection.ExecuteAsync(Command(DatabaseSql
            .Replace("{database}", names.QuoteIdentifier(connection.Database), StringComparison.Ordinal)
            .Replace("{role}", quoted, StringComparison.Ordinal)));
        foreach (var revoke in await connection.QueryAsync<string>(Command(HeldSql)))
        {
            await connection.ExecuteAsync(Command(revoke));
        }

        // As psql replaces it: `psql -v role=catalogdb_app -f grants.sql` does the same by hand.
        foreach (var file in grants)
        {
            await connection.ExecuteAsync(Command(file.Replace(":\"role\"", quoted, StringComparison.Ordinal)));
        }

        CommandDefinition Command(string sql) => new(sql, new { role.Name }, cancellationToken: ct);
    }

    private static async Task MakeAsync(
        NpgsqlConnection connection, string connectionName, DatabaseRole role, CancellationToken ct)
    {
        var exists = await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(ExistsSql, new { role.Name }, cancellationToken: ct));
        using var names = new NpgsqlCommandBuilder();
        var sql = $"{(exists ? "alter" : "create")} role {names.QuoteIdentifier(role.Name)} "
            + $"login password '{ScramVerifier.Of(role.Password)}'";
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: ct));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new InvalidOperationException(
                $"The user of connection string '{connectionName}' may not make the role {role.Name}: give it "
                + $"CREATEROLE, or name a role made beforehand in Database:Roles:{connectionName}:Name and :Password, "
                + "or set Database:RunAsOwner=true.", e);
        }
    }
}
