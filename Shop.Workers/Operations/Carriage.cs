using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Workers.Operations;

/// <summary>How far events have come on their way.</summary>
internal static class Carriage
{
    public sealed record Outboxes(IReadOnlyList<OutboxView> Items);

    public sealed record Streams(IReadOnlyList<StreamView> Items);

    public static async Task<Ok<Outboxes>> GetOutbox(MessagingOperations operations, CancellationToken ct) =>
        TypedResults.Ok(new Outboxes(await operations.OutboxesAsync(ct)));

    public static async Task<Ok<Streams>> GetStreams(MessagingOperations operations, CancellationToken ct) =>
        TypedResults.Ok(new Streams(await operations.StreamsAsync(ct)));
}
