using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Problems;

namespace Shop.Workers.Operations;

/// <summary>Events that a group could not handle: look at them, and replay them once the cause is gone.</summary>
internal static class DeadLetters
{
    private const int MaxLimit = 100;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Page(
        IReadOnlyList<DeadLetter> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public sealed record ReplayAnswer(bool DryRun, IReadOnlyList<Replayed> Replayed);

    public static async Task<Results<Ok<Page>, ProblemHttpResult>> List(
        MessagingOperations operations, CancellationToken ct, string? cursor = null, int limit = MaxLimit)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"Must be between 1 and {MaxLimit}.");
        if (await operations.DeadLettersAsync(cursor, limit, ct) is not { } items)
        {
            return Problems.Invalid("cursor", "Is not a cursor of this list.");
        }

        return TypedResults.Ok(new Page(items, items.Count == limit ? items[^1].Id : null));
    }

    /// <summary>Its key's parked events are replayed in order, from the first: never one before another.</summary>
    public static async Task<Results<Ok<ReplayAnswer>, ProblemHttpResult>> Replay(
        string id, ClaimsPrincipal user, MessagingOperations operations, CancellationToken ct, bool dryRun = false) =>
        await operations.ReplayAsync(id, dryRun, user, ct) is { } replayed
            ? TypedResults.Ok(new ReplayAnswer(dryRun, replayed))
            : Problems.NotFound();

    public static async Task<Ok<ReplayAnswer>> ReplayAll(
        ClaimsPrincipal user, MessagingOperations operations, CancellationToken ct, bool dryRun = false) =>
        TypedResults.Ok(new ReplayAnswer(dryRun, await operations.ReplayAllAsync(dryRun, user, ct)));
}
