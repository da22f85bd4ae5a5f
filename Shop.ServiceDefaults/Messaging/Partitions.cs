using System.Globalization;
using Dapper;
using Npgsql;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// The physical parts of outbox and inbox: one an hour. A part a slot (a minute) would be 1,440 tables a day to plan
/// every statement over; a part a day would keep what is done with for a day.
/// </summary>
internal static class Partitions
{
    public static readonly TimeSpan Width = TimeSpan.FromHours(1);

    /// <summary>The advisory lock of whoever makes a partition.</summary>
    public const long LockKey = 0x50617274; // "Part"

    private const string NameFormat = "yyyyMMddHH";
    private const string BoundFormat = "yyyy-MM-dd HH:mm:ss'+00'";

    private const string NamesSql = """
        select child.relname
          from pg_inherits
          join pg_class as child on child.oid = inhrelid
         where inhparent = @table::regclass and child.relname <> @table || '_default'
         order by child.relname
        """;

    /// <summary>
    /// Makes the partitions of the hours from <paramref name="from"/> on, as far as they are missing. They are made
    /// apart and then attached, which lets writers go on. Answers hours that could not be attached because the default
    /// partition already holds some of their rows: those stay there.
    /// </summary>
    public static async Task<IReadOnlyList<string>> EnsureAsync(
        NpgsqlDataSource source, DateTimeOffset from, int hours, CancellationToken ct)
    {
        var left = new List<string>();
        await using var connection = await source.OpenConnectionAsync(ct);
        foreach (var table in new[] { "outbox", "inbox" })
        {
            for (var hour = 0; hour < hours; hour++)
            {
                var start = Slots.Floor(from, Width) + (hour * Width);
                if (!await TryAttachAsync(connection, table, start, ct)) left.Add(NameOf(table, start));
            }
        }

        return left;
    }

    /// <summary>The partitions of a table with the end of their hour, oldest first; not the default one.</summary>
    public static async Task<IReadOnlyList<(string Name, DateTimeOffset End)>> ListAsync(
        NpgsqlConnection connection, string table, CancellationToken ct)
    {
        var names = await connection.QueryAsync<string>(
            new CommandDefinition(NamesSql, new { table }, cancellationToken: ct));
        return [.. names.Select(name => (name, EndOf(table, name)))];
    }

    /// <summary>Removes a partition with all its rows.</summary>
    public static Task DropAsync(NpgsqlConnection connection, string name, CancellationToken ct) =>
        connection.ExecuteAsync(new CommandDefinition($"drop table if exists {name}", cancellationToken: ct));

    private static async Task<bool> TryAttachAsync(
        NpgsqlConnection connection, string table, DateTimeOffset start, CancellationToken ct)
    {
        var name = NameOf(table, start);
        if (await ExistsAsync(connection, name, ct)) return true;

        try
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await connection.ExecuteAsync(new CommandDefinition(
                "select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: ct));
            if (await ExistsAsync(connection, name, ct)) return true; // Another process was first.

            var (lower, upper) = (Bound(start), Bound(start + Width));
            await connection.ExecuteAsync(new CommandDefinition(
                $"""
                 create table {name} (
                     like {table} including defaults including constraints including indexes including storage);
                 alter table {table} attach partition {name} for values from ('{lower}') to ('{upper}')
                 """,
                cancellationToken: ct));
            // Dying before this line leaves no table: the next process makes it.
            await transaction.CommitAsync(ct);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CheckViolation)
        {
            return false; // The default partition holds rows of this hour, and keeps holding them.
        }
    }

    // Not to_regclass: its cached "no" outlives the wait for an advisory lock, and a fresh shop of several processes
    // started with errors in its log. This reads the catalog with the statement's own snapshot.
    private static Task<bool> ExistsAsync(NpgsqlConnection connection, string name, CancellationToken ct) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from pg_class where relname = @name and pg_table_is_visible(oid))",
            new { name }, cancellationToken: ct));

    private static string NameOf(string table, DateTimeOffset start) =>
        $"{table}_p{start.UtcDateTime.ToString(NameFormat, CultureInfo.InvariantCulture)}";

    private static DateTimeOffset EndOf(string table, string name) => DateTimeOffset.ParseExact(
        name[(table.Length + 2)..], NameFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) + Width;

    private static string Bound(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString(BoundFormat, CultureInfo.InvariantCulture);
}
