using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Shop.ServiceDefaults.Http;

/// <summary>A page of a list.</summary>
/// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
public sealed record Page<T>(
    IReadOnlyList<T> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor)
{
    public Page<TOther> Map<TOther>(Func<T, TOther> map) => new([.. Items.Select(map)], NextCursor);
}

public static class Page
{
    public const int DefaultLimit = 20;
    public const int MaxLimit = 100;

    /// <summary>What is wrong with the limit, or with the cursor of a list by time; null if nothing is.</summary>
    public static ProblemHttpResult? Refusal(int limit, string? cursor)
    {
        if (limit is < 1 or > MaxLimit)
        {
            return Problems.Problems.Invalid("limit", $"The limit is 1 to {MaxLimit}.");
        }

        return cursor is null || TimeCursor.Parse(cursor) is not null
            ? null
            : Problems.Problems.Invalid("cursor", "This is no cursor of this list.");
    }

    /// <summary>The page of what was read with one row more than the limit.</summary>
    public static Page<T> Of<T>(IReadOnlyList<T> found, int limit, Func<T, string> cursorOf) =>
        found.Count <= limit ? new(found, null) : new([.. found.Take(limit)], cursorOf(found[limit - 1]));
}
