using System.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Stock;

/// <summary>
/// Holds the units of an order, all of its lines or none, until its order ends it or its time is over. Idempotent by
/// the order's id. Concurrent calls, of one order or of many, share transactions; each has its own verdict.
/// </summary>
internal static partial class ReserveStock
{
    public const string OutOfStock = "out-of-stock";
    public const string ProductUnknown = "product-unknown";
    public const string ProductNotOnSale = "product-not-on-sale";

    /// <summary>
    /// The order was given up already, perhaps before this reservation arrived; or it holds other lines, or belongs to
    /// another user.
    /// </summary>
    public const string HoldEnded = "hold-ended";

    /// <summary>Only among many: this entry breaks the rules of the single call.</summary>
    public const string Invalid = "invalid-request";

    /// <summary>Only among many: this entry's own transaction failed, and may be tried again.</summary>
    public const string Unavailable = "unavailable";

    public const int MaxLines = 100;
    public const int MaxQuantity = 1_000_000;
    public const int MaxTtlSeconds = 7 * 24 * 3600;
    public const int MaxReservations = 256;

    /// <summary>Of many: <see cref="MaxReservations"/> with <see cref="MaxLines"/> each.</summary>
    public const int MaxManyBytes = 4 << 20;

    public sealed record WantedLine(Guid ProductId, int Quantity);

    public sealed record Request(Guid OrderId, Guid UserId, IReadOnlyList<WantedLine> Lines, int TtlSeconds);

    /// <summary>A line as it was at that moment; the order keeps it.</summary>
    public sealed record Line(
        Guid ProductId, Guid SellerId, string Category, string Name, long UnitPrice, int Quantity, long RemainingStock);

    public sealed record Response(
        bool Success, DateTimeOffset? ExpiresAt, IReadOnlyList<Line>? Lines, string? Reason, Guid? ProductId,
        long? RemainingStock)
    {
        public static Response Held(DateTimeOffset expiresAt, IReadOnlyList<Line> lines) =>
            new(true, expiresAt, lines, null, null, null);

        public static Response Refused(string reason, Guid? productId, long? remainingStock) =>
            new(false, null, null, reason, productId, remainingStock);
    }

    public sealed record ManyRequest(IReadOnlyList<Request> Reservations);

    public sealed record ManyResult(
        Guid OrderId, bool Success, DateTimeOffset? ExpiresAt, IReadOnlyList<Line>? Lines, string? Reason,
        Guid? ProductId, long? RemainingStock);

    public sealed record ManyResponse(IReadOnlyList<ManyResult> Results);

    private static readonly Response AsInvalid = Response.Refused(Invalid, null, null);

    /// <summary>A request on its way into a shared transaction, and the span that caused it, for its event.</summary>
    internal sealed record Call(Request Request, Activity? Cause);

    public static async Task<Results<Ok<Response>, Conflict<Response>, ProblemHttpResult>> Handle(
        Request request, SharedCommit<Call, Response> reservations, CancellationToken ct)
    {
        var errors = Check(request);
        if (errors.Any) return errors.ToProblem();

        var answer = await reservations.RunAsync(new(request, Activity.Current), ct);
        return answer.Success ? TypedResults.Ok(answer) : TypedResults.Conflict(answer);
    }

    public static async Task<Results<Ok<ManyResponse>, ProblemHttpResult>> HandleMany(
        ManyRequest request, SharedCommit<Call, Response> reservations, ILogger<Call> log, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(
            request.Reservations is { Count: > 0 and <= MaxReservations }, "reservations",
            $"1 to {MaxReservations} reservations");
        if (errors.Any) return errors.ToProblem();

        var asked = request.Reservations!;
        var valid = asked.Select(one => !Check(one).Any).ToArray();
        var calls = asked.Where((_, i) => valid[i]).Select(one => new Call(one, Activity.Current)).ToArray();
        var answers = await reservations.RunAllAsync(calls, ct);
        var results = new ManyResult[asked.Count];
        for (int i = 0, answered = 0; i < results.Length; i++)
        {
            results[i] = ResultOf(asked[i], valid[i] ? VerdictOf(asked[i], answers[answered++], log) : AsInvalid);
        }

        return TypedResults.Ok(new ManyResponse(results));
    }

    // Whatever failed one of them, the others' verdicts are committed and must reach their callers.
    private static Response VerdictOf(Request one, SharedCommit<Call, Response>.Answer answer, ILogger log)
    {
        if (answer.Failure is null) return answer.Value!;
        Failed(log, one.OrderId, answer.Failure);
        return Response.Refused(Unavailable, null, null);
    }

    private static ManyResult ResultOf(Request? one, Response answer) => new(
        one?.OrderId ?? Guid.Empty, answer.Success, answer.ExpiresAt, answer.Lines, answer.Reason, answer.ProductId,
        answer.RemainingStock);

    internal static FieldErrors Check(Request? request)
    {
        var errors = new FieldErrors();
        errors.Require(request is not null, "reservation", "required");
        if (request is null) return errors;

        errors.Require(request.OrderId != Guid.Empty, "orderId", "required");
        errors.Require(request.UserId != Guid.Empty, "userId", "required");
        errors.Require(request.TtlSeconds is > 0 and <= MaxTtlSeconds, "ttlSeconds", $"1 to {MaxTtlSeconds}");
        errors.Require(request.Lines is { Count: > 0 and <= MaxLines }, "lines", $"1 to {MaxLines} lines");
        if (errors.Any) return errors;

        for (var i = 0; i < request.Lines.Count; i++)
        {
            var line = request.Lines[i];
            errors.Require(line is not null, $"lines[{i}]", "required");
            if (line is null) continue;
            errors.Require(line.Quantity is > 0 and <= MaxQuantity, $"lines[{i}].quantity", $"1 to {MaxQuantity}");
            for (var j = 0; j < i; j++)
            {
                errors.Require(
                    request.Lines[j]?.ProductId != line.ProductId, $"lines[{i}].productId", "the same product twice");
            }
        }

        return errors;
    }

    [LoggerMessage(LogLevel.Error, "The reservation of order {OrderId} failed")]
    private static partial void Failed(ILogger log, Guid orderId, Exception e);
}
