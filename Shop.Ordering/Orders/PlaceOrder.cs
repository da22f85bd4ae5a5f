using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Coupons;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Orders;

using Answer = Results<Created<OrderView>, Accepted<OrderView>, ProblemHttpResult>;

/// <summary>
/// <c>POST /orders</c>: hold the stock in Catalog, store the order with what was agreed, and with a payment pay it in
/// the same call. The order's id is derived from the key, so a rerun is the same order for everybody.
/// </summary>
internal static class PlaceOrder
{
    public const string Operation = "POST /orders";

    /// <summary>Lines and, optionally, a payment; or the short form of one product and a payment method.</summary>
    public sealed record Request(
        IReadOnlyList<LineRequest>? Lines = null, string? CouponId = null, bool? CouponRequired = null,
        JsonElement? ShippingAddress = null, PaymentRequest? Payment = null, string? ProductId = null,
        long? Quantity = null, string? PaymentMethod = null);

    public sealed record LineRequest(string? ProductId = null, long? Quantity = null);

    /// <param name="Method">CARD, POINTS or SPLIT.</param>
    /// <param name="Points">The part of a SPLIT that is paid in points; with POINTS the total, or nothing.</param>
    public sealed record PaymentRequest(string? Method = null, string? CardToken = null, long? Points = null);

    public static async Task<Answer> Handle(
        Request request, HttpContext http, Stages stages, OrderingOptions options, IHostEnvironment host,
        TimeProvider clock, CancellationToken ct)
    {
        if (Placement.Parse(request, host.IsDevelopment(), out var errors) is not { } placement)
        {
            return Problems.Invalid(errors);
        }

        var userId = http.User.UserId();
        var key = IdempotencyKey.Read(
            http, userId, Operation, stages.Addresses.Hide(placement), out var badKey);
        if (badKey is not null) return Problems.Of(400, "idempotency-key-invalid", badKey);
        if (key is null && placement.Payment is not null)
        {
            return Problems.Of(400, "idempotency-key-missing", $"With a payment {IdempotencyKey.Header} is needed.");
        }

        var id = key?.ResourceId ?? Guid.CreateVersion7(clock.GetUtcNow());
        var attempt = new Attempt(id, userId, key, placement, http);
        return await HoldAndStoreAsync(attempt, stages, options, ct);
    }

    private static async Task<Answer> HoldAndStoreAsync(
        Attempt attempt, Stages stages, OrderingOptions options, CancellationToken ct)
    {
        var offer = attempt.Placement.CouponId is { } couponId
            ? await stages.Coupons.FindAsync(couponId, attempt.UserId, attempt.Id, ct)
            : null;
        if (attempt.Placement.CouponRequired && offer?.Refusal is { } refusal)
        {
            return attempt.Key is not null && await FindAsync(attempt, stages, ct) is { } other
                ? await AnswerExistingAsync(attempt, other, stages, ct)
                : CouponRefusals.ToProblem(refusal, attempt.Placement.CouponId);
        }

        // From here on nobody's impatience counts: a hold without an order would only be found by Catalog's sweep.
        var ttl = attempt.Placement.Payment is null ? options.TtlSeconds : options.OneCallTtlSeconds;
        var (held, before) = await stages.Reserve.RunAsync(
            ReservationOf(attempt, ttl), attempt.Key?.StoredKey, CancellationToken.None);
        if (before is not null) return await AnswerExistingAsync(attempt, before, stages, ct);
        if (!held!.Success)
        {
            return await FindAsync(attempt, stages, ct) is { } meanwhile
                ? await AnswerExistingAsync(attempt, meanwhile, stages, ct)
                : Refusal(held, attempt.Placement);
        }

        var order = Freeze(attempt, held, ttl);
        if (offer is not null) order = ApplyCoupon.To(order, offer);
        if (order is { CouponRequired: true, CouponNotApplied: { } reason })
        {
            return await RefuseCouponAsync(attempt, reason, stages);
        }

        // Only now the total is known. Whoever wins the order's id, this tombstone or another run, is the answer.
        if (attempt.Placement.Payment?.Misfit(order.TotalMinor) is { } misfit
            && await stages.GiveBack.RunAsync(attempt.Id, answer: OrderAnswers.PointsMisfit(misfit)))
        {
            return OrderAnswers.ToProblem(misfit);
        }

        var outcome = await TryStoreAsync(order, stages);
        if (outcome.CouponRefusal is { } gone) return await RefuseCouponAsync(attempt, gone, stages);
        if (outcome.At is { } createdAt)
        {
            var view = OrderView.AsPlaced(outcome.Order, createdAt);
            return attempt.Placement.Payment is { } payment
                ? await stages.Pay.RunAsync(view, attempt.UserId, payment, ct)
                : TypedResults.Created($"/orders/{attempt.Id}", view);
        }

        var winner = await FindWinnerAsync(attempt, stages);
        // Another order won the key, or somebody's tombstone the id: this hold is for nobody.
        if (winner.Id != attempt.Id || winner.Status == OrderStatus.Abandoned)
        {
            await stages.GiveBack.RunAsync(attempt.Id);
        }

        return await AnswerExistingAsync(attempt, winner, stages, ct);
    }

    /// <summary>The hold goes back, and this attempt is over: its key hears the same from now on.</summary>
    private static async Task<Answer> RefuseCouponAsync(Attempt attempt, string refusal, Stages stages)
    {
        if (await stages.GiveBack.RunAsync(attempt.Id, answer: OrderAnswers.CouponRefused(refusal)))
        {
            return CouponRefusals.ToProblem(refusal, attempt.Placement.CouponId);
        }

        var winner = await FindWinnerAsync(attempt, stages);
        return await AnswerExistingAsync(attempt, winner, stages, CancellationToken.None);
    }

    private static async Task<Order> FindWinnerAsync(Attempt attempt, Stages stages) =>
        await FindAsync(attempt, stages, CancellationToken.None)
        ?? throw new InvalidOperationException($"Order {attempt.Id} met a row that is not there.");

    private static Task<Order?> FindAsync(Attempt attempt, Stages stages, CancellationToken ct) =>
        stages.Find.RunAsync(attempt.Id, attempt.UserId, attempt.Key?.StoredKey, ct);

    /// <summary>What a rerun hears: whatever the first run of this key heard or will hear.</summary>
    private static async Task<Answer> AnswerExistingAsync(
        Attempt attempt, Order existing, Stages stages, CancellationToken ct)
    {
        if (existing.Id != attempt.Id)
        {
            return Problems.Of(
                422, "idempotency-key-reused", $"This {IdempotencyKey.Header} was sent with another request.");
        }

        if (existing is { Status: OrderStatus.Abandoned, AnswerStatus: null })
        {
            return Problems.Conflict("attempt-abandoned", "This attempt was given up and nothing was taken.");
        }

        if (existing is { OneCall: true, AnswerStatus: null })
        {
            return await stages.Pay.ResumeAsync(existing, attempt.UserId, attempt.Placement.Payment!, ct);
        }

        if (attempt.Key is not null) attempt.Http.Response.Headers[IdempotencyKey.ReplayedHeader] = "true";
        return await stages.Answers.StoredAsync(existing, ct, attempt.Placement.CouponId);
    }

    /// <summary>
    /// When it was stored; null where a row stands there instead: this order's own after a lost COMMIT, another's, or a
    /// tombstone.
    /// </summary>
    private static async Task<StoreOrders.Outcome> TryStoreAsync(NewOrder order, Stages stages)
    {
        try
        {
            return await stages.Store.RunAsync(order, CancellationToken.None);
        }
        catch (DatabaseBusyException) when (order.IdempotencyKey is not null)
        {
            // The key is still good: its next try takes up the same hold, or finds the order if it was kept after all.
            throw;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The insert was sent, so it may have been kept: only a tombstone that wins says it was not. From then on
            // its key hears that the attempt was abandoned, so it hears that now too; without a key the failure itself
            // is the answer.
            if (await stages.GiveBack.RunAsync(order.Id, e) && order.IdempotencyKey is null) throw;
            return new(order, null, null);
        }
    }

    private static CatalogClient.Reservation ReservationOf(Attempt attempt, int ttlSeconds) => new(
        attempt.Id, attempt.UserId,
        [.. attempt.Placement.Lines.Select(line => new CatalogClient.ReservedLine(line.ProductId, line.Quantity))],
        ttlSeconds);

    private static NewOrder Freeze(Attempt attempt, CatalogClient.Held held, int ttlSeconds)
    {
        var (id, userId, key, placement, _) = attempt;
        var offered = held.Lines!.ToDictionary(line => line.ProductId);
        var lines = placement.Lines.Select((line, i) =>
        {
            var snapshot = offered[line.ProductId];
            return new OrderLine(
                id, line.ProductId, (short)(i + 1), snapshot.SellerId, snapshot.Category, snapshot.Name,
                snapshot.UnitPrice, line.Quantity, DiscountMinor: 0, snapshot.UnitPrice * line.Quantity);
        });
        return new(
            id, userId, [.. lines], placement.Payment is null ? null : PayInOneCall.PaymentIdOf(id), ttlSeconds,
            key?.StoredKey, key?.Fingerprint, placement.ShippingAddress, CouponNotApplied: null,
            placement.CouponRequired);
    }

    private static ProblemHttpResult Refusal(CatalogClient.Held held, Placement placement)
    {
        var line = placement.Lines.ToList().FindIndex(line => line.ProductId == held.ProductId);
        var extensions = new Dictionary<string, object?> { ["productId"] = held.ProductId };
        switch (held.Reason)
        {
            case "out-of-stock":
                extensions["remainingStock"] = held.RemainingStock;
                return Problems.Of(409, "out-of-stock", "There is not enough of a product.", extensions);
            case "product-unknown":
                extensions["errors"] = Field("There is no such product.");
                return Problems.Of(404, "product-unknown", "There is no such product.", extensions);
            case "product-not-on-sale":
                extensions["errors"] = Field("This product is not on sale.");
                return Problems.Of(409, "product-not-on-sale", "A product is not on sale.", extensions);
            case "hold-ended":
                return Problems.Conflict("attempt-abandoned", "This attempt was given up and nothing was taken.");
            default:
                throw new InvalidOperationException($"Catalog refused order {held.OrderId}: {held.Reason}.");
        }

        Dictionary<string, string[]> Field(string message) => new() { [placement.ProductField(line)] = [message] };
    }

    /// <summary>What an order goes through, each shared by all that are under way.</summary>
    internal sealed record Stages(
        FindPlaced Find, ApplyCoupon Coupons, ReserveStock Reserve, StoreOrders Store, PayInOneCall Pay,
        GiveBack GiveBack, OrderAnswers Answers, ShippingAddresses Addresses);

    /// <param name="Id">Derived from the key where there is one.</param>
    private sealed record Attempt(
        Guid Id, Guid UserId, IdempotencyKey? Key, Placement Placement, HttpContext Http);
}
