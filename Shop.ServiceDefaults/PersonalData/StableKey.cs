using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.PersonalData;

/// <summary>
/// A key that never changes, since hashes under it are compared for as long as rows live: it is stored in the service's
/// table <c>stable_keys</c>, sealed, and only its seal changes with the secret.
/// </summary>
public static class StableKey
{
    private const string InsertSql = """
        insert into stable_keys (name, sealed) values (@Name, @Sealed) on conflict (name) do nothing
        """;

    private const string SelectSql = "select sealed from stable_keys where name = @Name for update";

    private const string ResealSql = "update stable_keys set sealed = @Sealed where name = @Name";

    /// <summary>Reads the key, resealed under the current secret; the first replica of all stores a new one.</summary>
    public static Task<byte[]> ReadAsync<TDb>(
        Database<TDb> database, KeyRing ring, string name, Func<byte[]> create, CancellationToken ct)
        where TDb : DbContext => database.TransactAsync(
        async tx =>
        {
            // Of several that start at once one wins here, and the others read what it stored.
            await tx.ExecuteAsync(InsertSql, new { Name = name, Sealed = ring.Seal(create(), name) });
            var stored = await tx.QuerySingleOrDefaultAsync<byte[]>(SelectSql, new { Name = name })
                ?? throw new InvalidOperationException($"The key {name} is gone.");
            if (!ring.IsCurrent(stored))
            {
                await tx.ExecuteAsync(ResealSql, new { Name = name, Sealed = ring.Reseal(stored, name) });
            }

            return ring.Open(stored, name);
        },
        ct);
}
