using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Problems;

namespace Shop.Workers.Operations;

/// <summary>What was done by privilege: the audit log of one database, newest first.</summary>
internal static class Audit
{
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Page(
        IReadOnlyList<AuditEntry> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public static async Task<Results<Ok<Page>, ProblemHttpResult>> List(
        AuditReader reader, CancellationToken ct, string database = "identitydb", string? cursor = null,
        int limit = MaxLimit)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"Must be between 1 and {MaxLimit}.");
        long? before = null;
        if (cursor is not null)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                return Problems.Invalid("cursor", "Is not a cursor of this list.");
            }

            before = id;
        }

        if (await reader.ReadAsync(database, before, limit, ct) is not { } items)
        {
            return Problems.Invalid("database", $"Must be one of: {string.Join(", ", reader.Databases)}.");
        }

        var next = items.Count == limit ? items[^1].Id.ToString(CultureInfo.InvariantCulture) : null;
        return TypedResults.Ok(new Page(items, next));
    }
}
