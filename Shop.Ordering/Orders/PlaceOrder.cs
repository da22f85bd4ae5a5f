using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
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

    /// <param name="Method">CARD.</param>
    public sealed record PaymentRequest(string? Method = null, string? CardToken = null, long? Points = null);

    public static async Task<Answer> Handle(
        Request request, HttpContext http, FindPlaced find, ReserveStock reserve, StoreOrders store,
        PayInOneCall pay, GiveBack giveBack, OrderAnswers answers, OrderingOptions options, IHostEnvironment host,
        TimeProvider clock, CancellationToken ct)
    {
        if (Placement.Parse(request, host.IsDevelopment(), out var errors) is not { } placement)
        {
            return Problems.Invalid(errors);
        }

        if (placement is { CouponId: not null, CouponRequired: true }) return UnknownCoupon(placement);
        var userId = http.User.UserId();
        var key = IdempotencyKey.Read(http, userId, Operation, placement, out var badKey);
        if (badKey is not null) return Problems.Of(400, "idempotency-key-invalid", badKey);
        if (key is null && placement.Payment is not null)
        {
            return Problems.Of(400, "idempotency-key-missing", $"With a payment {IdempotencyKey.Header} is needed.");
        }

        var id = key?.ResourceId ?? Guid.CreateVersion7(clock.GetUtcNow());
        if (key is not null && await find.RunAsync(id, userId, key.StoredKey, ct) is { } before)
        {
            return await AnswerExistingAsync(before);
        }

        // From here on nobody's impatience counts: a hold without an order would only be found by Catalog's sweep.
        var held = await reserve.RunAsync(ReservationOf(id, userId, placement, options), CancellationToken.None);
        if (!held.Success)
        {
            return await find.RunAsync(id, userId, key?.StoredKey, ct) is { } meanwhile
                ? await AnswerExistingAsync(meanwhile)
                : Refusal(held, placement);
        }

        var order = Freeze(id, userId, placement, held, key, options);
        var createdAt = await TryStoreAsync(order, store, giveBack);
        if (createdAt is { } at)
        {
            var view = OrderView.AsPlaced(order, at);
            return placement.Payment is null
                ? TypedResults.Created($"/orders/{id}", view)
                : await pay.RunAsync(view, userId, placement.Payment, ct);
        }

        var winner = await find.RunAsync(id, userId, key?.StoredKey, CancellationToken.None)
            ?? throw new InvalidOperationException($"Order {id} met a row that is not there.");
        // Another order won the key, or somebody's tombstone the id: this hold is for nobody.
        if (winner.Id != id || winner.Status == OrderStatus.Abandoned) await giveBack.RunAsync(id);
        return await AnswerExistingAsync(winner);

        async Task<Answer> AnswerExistingAsync(Order existing)
        {
            if (existing.Id != id)
            {
                return Problems.Of(
                    422, "idempotency-key-reused", $"This {IdempotencyKey.Header} was sent with another request.");
            }

            if (existing.Status == OrderStatus.Abandoned)
            {
                return Problems.Conflict("attempt-abandoned", "This attempt was given up and nothing was taken.");
            }

            if (existing is { OneCall: true, AnswerStatus: null })
            {
                return await pay.ResumeAsync(existing, userId, placement.Payment!, ct);
            }

            if (key is not null) http.Response.Headers[IdempotencyKey.ReplayedHeader] = "true";
            return await answers.StoredAsync(existing, ct);
        }
    }

    /// <summary>When it was stored; null where a row was there before, this order's own after a lost COMMIT included.</summary>
    private static async Task<DateTimeOffset?> TryStoreAsync(NewOrder order, StoreOrders store, GiveBack giveBack)
    {
        try
        {
            return await store.RunAsync(order, CancellationToken.None);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The insert was sent, so it may have been kept: only a tombstone that wins says it was not.
            if (await giveBack.RunAsync(order.Id)) throw;
            return null;
        }
    }

    private static CatalogClient.Reservation ReservationOf(
        Guid id, Guid userId, Placement placement, OrderingOptions options) => new(
        id, userId, [.. placement.Lines.Select(line => new CatalogClient.ReservedLine(line.ProductId, line.Quantity))],
        placement.Payment is null ? options.TtlSeconds : options.OneCallTtlSeconds);

    private static NewOrder Freeze(
        Guid id, Guid userId, Placement placement, CatalogClient.Held held, IdempotencyKey? key,
        OrderingOptions options)
    {
        var offered = held.Lines!.ToDictionary(line => line.ProductId);
        var lines = placement.Lines.Select((line, i) =>
        {
            var snapshot = offered[line.ProductId];
            return new OrderLine(
                id, line.ProductId, (short)(i + 1), snapshot.SellerId, snapshot.Category, snapshot.Name,
                snapshot.UnitPrice, line.Quantity, DiscountMinor: 0, snapshot.UnitPrice * line.Quantity);
        });
        var paymentId = placement.Payment is null ? (Guid?)null : PayInOneCall.PaymentIdOf(id);
        return new(
            id, userId, [.. lines], paymentId,
            placement.Payment is null ? options.TtlSeconds : options.OneCallTtlSeconds,
            key?.StoredKey, key?.Fingerprint, placement.ShippingAddress,
            placement.CouponId is null ? null : "coupon-unknown");
    }

    private static ProblemHttpResult UnknownCoupon(Placement placement) => Problems.Of(
        400, "coupon-unknown", "There is no such coupon.",
        new Dictionary<string, object?>
        {
            ["couponId"] = placement.CouponId,
            ["errors"] = new Dictionary<string, string[]> { ["couponId"] = ["There is no such coupon."] },
        });

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

        Dictionary<string, string[]> Field(string message) => new() { [$"lines[{line}].productId"] = [message] };
    }
}

/// <summary>Gives back what was held for an order that will never be.</summary>
internal sealed partial class GiveBack(
    Database<OrderingDb> database, IServiceProvider services, ILogger<GiveBack> log)
{
    /// <summary>False where the order is there after all: its hold is its own.</summary>
    public async Task<bool> RunAsync(Guid orderId)
    {
        var abandoned = await database.TransactAsync(tx => OrderRows.AbandonAsync(tx, orderId), CancellationToken.None);
        if (!abandoned) return false;
        // Dying here leaves a hold whose verdict is settled: Catalog's sweep asks, hears RELEASE and gives it back.
        try
        {
            await services.GetRequiredService<CatalogClient>().ReleaseAsync(orderId, CancellationToken.None);
        }
        catch (ServiceUnavailableException e)
        {
            LeftToTheSweep(log, orderId, e.Service);
        }

        return true;
    }

    [LoggerMessage(LogLevel.Information, "The hold of abandoned order {OrderId} is left to the sweep of {Service}")]
    private static partial void LeftToTheSweep(ILogger log, Guid orderId, string service);
}
