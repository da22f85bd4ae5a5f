using System.Diagnostics;
using Shop.Ordering.Coupons;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Orders;

/// <summary>
/// Stores new orders with their lines, first transition and event: all that arrive while a commit is under way share
/// the next one, and each is answered after it. Whoever is already there under an order's id or key wins; an order
/// whose coupon is gone goes on without it, or is not stored if it requires it.
/// </summary>
internal sealed class StoreOrders(
    Database<OrderingDb> database, OrderingOptions options, ShippingAddresses addresses)
{
    // An id that does not come back met a row of the same id or key: that is its caller's verdict alone. Sorted by id,
    // so that two batches take the unique rows in the same order.
    private const string Sql = """
        with stored as (
            insert into orders (
                   id, user_id, status, subtotal_minor, discount_minor, total_minor, currency, payment_id, one_call,
                   coupon_id, coupon_code, coupon_not_applied, shipping_address, idempotency_key, fingerprint,
                   answer_status, content_hash, expires_at, recover_at, created_at, updated_at)
            select id, user_id, case when payment_id is null then 'CREATED' else 'PAYMENT_PENDING' end,
                   subtotal, discount, subtotal - discount, @Currency, payment_id, payment_id is not null,
                   coupon_id, coupon_code, coupon_not_applied, address::json, key, fingerprint,
                   case when payment_id is null then 201 end, hash,
                   @Now + make_interval(secs => ttl),
                   case when payment_id is not null then @RecoverAt end, @Now, @Now
              from unnest(@Ids, @UserIds, @Subtotals, @Discounts, @PaymentIds, @CouponIds, @CouponCodes,
                          @CouponsNotApplied, @Addresses, @Keys, @Fingerprints, @Hashes, @Ttls)
                   as o (id, user_id, subtotal, discount, payment_id, coupon_id, coupon_code, coupon_not_applied,
                         address, key, fingerprint, hash, ttl)
             order by id
                on conflict do nothing
            returning id, status, payment_id
        ), address_key as (
            insert into address_keys (order_id, sealed)
            select stored.id, keys.sealed
              from stored join unnest(@Ids, @AddressKeys) as keys (id, sealed) using (id)
             where keys.sealed is not null
        ), lines as (
            insert into order_lines (
                   order_id, product_id, line_no, seller_id, category, name, unit_price_minor, quantity,
                   discount_minor, amount_minor)
            select l.*
              from unnest(@LineOrderIds, @ProductIds, @LineNos, @SellerIds, @Categories, @Names, @UnitPrices,
                          @Quantities, @LineDiscounts, @Amounts)
                   as l (order_id, product_id, line_no, seller_id, category, name, unit_price, quantity, discount,
                         amount)
              join stored on stored.id = l.order_id
        ), transitions as (
            insert into order_transitions (order_id, version, status, cause, trace_id, at)
            select stored.id, 1, stored.status, 'placed', traced.trace_id, @Now
              from stored join unnest(@Ids, @TraceIds) as traced (id, trace_id) using (id)
        ), attempts as (
            insert into payment_attempts (order_id, payment_id, status, started_at)
            select id, payment_id, 'REQUESTED', @Now from stored where payment_id is not null
        )
        select id from stored
        """;

    internal SharedCommit<Item, Outcome> Shared { get; } =
        new((items, ct) => FlushAsync(database, options, items, ct));

    public Task<Outcome> RunAsync(NewOrder order, CancellationToken ct) =>
        Shared.RunAsync(new(order, order.ContentHash(), Seal(order), Activity.Current), ct);

    private SealedAddress? Seal(NewOrder order) =>
        order.ShippingAddress is { } address ? addresses.Seal(order.Id, address) : null;

    private static async Task<IReadOnlyList<Outcome>> FlushAsync(
        Database<OrderingDb> database, OrderingOptions options, IReadOnlyList<Item> items, CancellationToken ct)
    {
        // The shared commit stands in the trace of its first request.
        Activity.Current = Live(items[0].Activity);
        // Dying before the commit leaves holds without orders, which Catalog's sweep gives back; after it each caller
        // finds its order under its key.
        return await database.TransactAsync(tx => InsertAsync(tx, options, items), ct);
    }

    private static async Task<IReadOnlyList<Outcome>> InsertAsync(
        Transaction<OrderingDb> tx, OrderingOptions options, IReadOnlyList<Item> items)
    {
        var now = tx.Now;
        // The same request twice in one batch is one row; the later one hears that it was there before.
        var first = items.DistinctBy(item => item.Order.Id).ToArray();
        var refusals = await HoldCoupons.DecideAsync(tx, Array.ConvertAll(first, item => item.Order));
        var asStored = first.Select(item => Without(item, refusals)).OfType<Item>().OrderBy(item => item.Order.Id)
            .ToArray();
        var recoverAt = now.AddSeconds(options.RecoveryAgeSeconds);
        var stored = (await tx.QueryAsync<Guid>(Sql, Columns(asStored, now, recoverAt))).ToHashSet();
        var orders = asStored.Select(item => item.Order).Where(order => stored.Contains(order.Id))
            .ToDictionary(order => order.Id);
        HoldCoupons.RequireAllStored([.. asStored.Select(item => item.Order)], orders.Keys, refusals);
        await HoldCoupons.HoldAsync(tx, [.. orders.Values]);

        var answers = new Outcome[items.Count];
        for (var i = 0; i < items.Count; i++)
        {
            var (asked, _, _, activity) = items[i];
            if (!orders.Remove(asked.Id, out var order))
            {
                answers[i] = new(asked, null, asked.CouponRequired ? refusals.GetValueOrDefault(asked.Id) : null);
                continue;
            }

            answers[i] = new(order, now, null);
            // The event belongs to the trace of its own request.
            Activity.Current = Live(activity);
            tx.Publish(
                new OrderCreated(order.Id, order.UserId, order.TotalMinor, Order.DefaultCurrency, now), version: 1);
        }

        return answers;
    }

    /// <summary>The order as it is to be stored; null where it requires the coupon that it cannot have.</summary>
    private static Item? Without(Item item, IReadOnlyDictionary<Guid, string> refusals)
    {
        if (!refusals.TryGetValue(item.Order.Id, out var refusal)) return item;
        if (item.Order.CouponRequired) return null;
        var order = item.Order.WithoutCoupon(refusal);
        return item with { Order = order, ContentHash = order.ContentHash() };
    }

    private static Activity? Live(Activity? activity) => activity is { IsStopped: false } ? activity : null;

    private static object Columns(Item[] items, DateTimeOffset now, DateTimeOffset recoverAt)
    {
        var orders = Array.ConvertAll(items, item => item.Order);
        var lines = orders.SelectMany(order => order.Lines).ToArray();
        return new
        {
            Now = now,
            RecoverAt = recoverAt,
            Currency = Order.DefaultCurrency,
            Ids = Array.ConvertAll(orders, order => order.Id),
            UserIds = Array.ConvertAll(orders, order => order.UserId),
            Subtotals = Array.ConvertAll(orders, order => order.SubtotalMinor),
            Discounts = Array.ConvertAll(orders, order => order.DiscountMinor),
            PaymentIds = Array.ConvertAll(orders, order => order.PaymentId),
            CouponIds = Array.ConvertAll(orders, order => order.Coupon?.CouponId),
            CouponCodes = Array.ConvertAll(orders, order => order.Coupon?.Code),
            CouponsNotApplied = Array.ConvertAll(orders, order => order.CouponNotApplied),
            Addresses = Array.ConvertAll(items, item => item.Address?.Json),
            AddressKeys = Array.ConvertAll(items, item => item.Address?.Key),
            Keys = Array.ConvertAll(orders, order => order.IdempotencyKey),
            Fingerprints = Array.ConvertAll(orders, order => order.Fingerprint),
            Hashes = Array.ConvertAll(items, item => item.ContentHash),
            Ttls = Array.ConvertAll(orders, order => (double)order.TtlSeconds),
            TraceIds = Array.ConvertAll(items, item => item.Activity?.TraceId.ToHexString()),
            LineOrderIds = Array.ConvertAll(lines, line => line.OrderId),
            ProductIds = Array.ConvertAll(lines, line => line.ProductId),
            LineNos = Array.ConvertAll(lines, line => line.LineNo),
            SellerIds = Array.ConvertAll(lines, line => line.SellerId),
            Categories = Array.ConvertAll(lines, line => line.Category),
            Names = Array.ConvertAll(lines, line => line.Name),
            UnitPrices = Array.ConvertAll(lines, line => line.UnitPriceMinor),
            Quantities = Array.ConvertAll(lines, line => line.Quantity),
            LineDiscounts = Array.ConvertAll(lines, line => line.DiscountMinor),
            Amounts = Array.ConvertAll(lines, line => line.AmountMinor),
        };
    }

    internal sealed record Item(
        NewOrder Order, byte[] ContentHash, SealedAddress? Address, Activity? Activity);

    /// <param name="Order">As it was stored: without its coupon, if that was optional and gone.</param>
    /// <param name="At">When; null where a row of its id or its key was there before, or its coupon is refused.</param>
    /// <param name="CouponRefusal">Why it could not have the coupon it requires.</param>
    internal readonly record struct Outcome(NewOrder Order, DateTimeOffset? At, string? CouponRefusal);
}
