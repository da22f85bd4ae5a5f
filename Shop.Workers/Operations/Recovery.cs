using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Workers.Operations;

/// <summary>What the recovery sweeps have done since the shop was set up, and what waits for them now.</summary>
internal static class Recovery
{
    public sealed record Response(IReadOnlyList<RecoveryKind.State> Items);

    public static async Task<Ok<Response>> Get(IEnumerable<RecoveryKind> kinds, CancellationToken ct) =>
        TypedResults.Ok(new Response(await Task.WhenAll(kinds.Select(kind => kind.StateAsync(ct)))));
}
