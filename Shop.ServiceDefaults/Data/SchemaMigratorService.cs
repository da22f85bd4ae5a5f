using System.Reflection;
using Dapper;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// Applies the numbered SQL files of a database once, in order, before the host serves: first the messaging kernel's,
/// then the service's own <c>Schema/000N_name.sql</c>. Every replica and the workers may start at the same time: an
/// advisory lock lets one apply, and the others find it done. A file that changed after it was applied stops the start.
/// Then, at every start, the service's role gets what the two <c>Schema/grants.sql</c> say. All of it as the owner.
/// </summary>
internal sealed partial class SchemaMigratorService<TDb>(
    DatabaseOwner<TDb> owner, Assembly service, ILogger<SchemaMigratorService<TDb>> log) : IHostedService
{
    private const long LockKey = 0x53686F70; // "Shop"
    private const int MigrationTimeoutSeconds = 120;

    private const string HistorySql = """
        create table if not exists schema_history (
            name       text primary key,
            sha256     bytea not null,
            applied_at timestamptz not null default now())
        """;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await owner.Source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(Command(
            $"set local lock_timeout = 0; set local statement_timeout = '{MigrationTimeoutSeconds}s'"));
        await connection.ExecuteAsync(Command("select pg_advisory_xact_lock(@LockKey)", new { LockKey }));
        // Attaching a partition and granting rights write the same catalog rows, where the second of two fails.
        await connection.ExecuteAsync(Command("select pg_advisory_xact_lock(@LockKey)", new { Partitions.LockKey }));
        await connection.ExecuteAsync(Command(HistorySql));
        var applied = (await connection.QueryAsync<(string Name, byte[] Sha256)>(
            Command("select name, sha256 from schema_history"))).ToDictionary(row => row.Name, row => row.Sha256);

        foreach (var file in SchemaFile.Of(typeof(SchemaFile).Assembly).Concat(SchemaFile.Of(service)))
        {
            if (applied.TryGetValue(file.Name, out var sha256))
            {
                if (sha256.AsSpan().SequenceEqual(file.Sha256)) continue;
                throw new InvalidOperationException(
                    $"{file.Name} was applied with another content. Add a new numbered file instead of changing it.");
            }

            await connection.ExecuteAsync(Command(file.Sql));
            await connection.ExecuteAsync(Command(
                "insert into schema_history (name, sha256) values (@Name, @Sha256)",
                new { file.Name, file.Sha256 }));
            Applied(log, file.Name);
        }

        if (owner.Role is { } role)
        {
            await RoleSetup.ApplyAsync(
                connection, owner.ConnectionName, role,
                [SchemaFile.GrantsOf(typeof(SchemaFile).Assembly), SchemaFile.GrantsOf(service)], cancellationToken);
        }
        else
        {
            RunsAsOwner(log, owner.ConnectionName);
        }

        // Dying before this line leaves schema, role and rights as they were: PostgreSQL's DDL is transactional.
        await transaction.CommitAsync(cancellationToken);

        CommandDefinition Command(string sql, object? parameters = null) =>
            new(sql, parameters, commandTimeout: MigrationTimeoutSeconds, cancellationToken: cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(LogLevel.Information, "Applied schema file {Name}")]
    private static partial void Applied(ILogger log, string name);

    [LoggerMessage(
        LogLevel.Warning, "{Database} is used as the owner of its tables, because Database:RunAsOwner is set")]
    private static partial void RunsAsOwner(ILogger log, string database);
}
