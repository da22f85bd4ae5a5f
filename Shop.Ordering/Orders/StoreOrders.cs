using System.Diagnostics;
using Npgsql;
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
    // Sorted by id, so that two batches take the unique rows in the same order.
    private const string OrdersSql = """
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
        """;

    private const string TheirRowsSql = """
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
        )
        """;

    private const string AttemptsSql = """
        insert into payment_attempts (order_id, payment_id, status, started_at)
        select id, payment_id, 'REQUESTED', @Now from stored where payment_id is not null
        """;

    private const string AllOrNoneSql = $"{OrdersSql}\n{TheirRowsSql}\n{AttemptsSql}";

    // An id that does not come back met a row of the same id or key: that is its caller's verdict alone.
    private const string FreeOnlySql =
        $"{OrdersSql}\non conflict do nothing\n{TheirRowsSql}, attempts as ({AttemptsSql})\nselect id from stored";

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
        if (items.All(item => item.Order.Coupon is null))
        {
            try
            {
                return await database.TransactAsync(
                    tx => Task.FromResult(InsertAllOrNone(tx, options, items)), ct);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                // A row of one of these ids or keys is there: it is looked for which of them have lost to it.
            }
        }

        return await database.TransactAsync(tx => InsertAsync(tx, options, items), ct);
    }

    /// <summary>
    /// Orders, events and COMMIT in one round trip. One whose id or key is taken, also by another of these, fails all.
    /// </summary>
    private static IReadOnlyList<Outcome> InsertAllOrNone(
        Transaction<OrderingDb> tx, OrderingOptions options, IReadOnlyList<Item> items)
    {
        var now = tx.Now;
        var statement = new NpgsqlBatchCommand(AllOrNoneSql);
        statement.Parameters.AddRange(Columns([.. items.OrderBy(item => item.Order.Id)], now, options));
        tx.ExecuteLast(statement);
        return [.. items.Select(item => Stored(tx, item.Order, now, item.Activity))];
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
        var stored = await InsertFreeAsync(tx, Columns(asStored, now, options));
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

            answers[i] = Stored(tx, order, now, activity);
        }

        return answers;
    }

    /// <returns>The ids that were free, and are stored.</returns>
    private static async Task<HashSet<Guid>> InsertFreeAsync(Transaction<OrderingDb> tx, NpgsqlParameter[] columns)
    {
        await using var command = new NpgsqlCommand(FreeOnlySql, tx.Connection);
        command.Parameters.AddRange(columns);
        await using var reader = await command.ExecuteReaderAsync();
        var stored = new HashSet<Guid>();
        while (await reader.ReadAsync()) stored.Add(reader.GetGuid(0));
        return stored;
    }

    private static Outcome Stored(
        Transaction<OrderingDb> tx, NewOrder order, DateTimeOffset now, Activity? cause)
    {
        // The event belongs to the trace of its own request, the commit to that of the first.
        var shared = Activity.Current;
        Activity.Current = Live(cause);
        tx.Publish(
            new OrderCreated(order.Id, order.UserId, order.TotalMinor, Order.DefaultCurrency, now), version: 1);
        Activity.Current = shared;
        return new(order, now, null);
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

    private static NpgsqlParameter[] Columns(Item[] items, DateTimeOffset now, OrderingOptions options)
    {
        var orders = Array.ConvertAll(items, item => item.Order);
        var lines = orders.SelectMany(order => order.Lines).ToArray();
        return
        [
            Sql.Value(now, "Now"),
            Sql.Value(now.AddSeconds(options.RecoveryAgeSeconds), "RecoverAt"),
            Sql.Value(Order.DefaultCurrency, "Currency"),
            Sql.Array(orders, order => order.Id, "Ids"),
            Sql.Array(orders, order => order.UserId, "UserIds"),
            Sql.Array(orders, order => order.SubtotalMinor, "Subtotals"),
            Sql.Array(orders, order => order.DiscountMinor, "Discounts"),
            Sql.Array(orders, order => order.PaymentId, "PaymentIds"),
            Sql.Array(orders, order => order.Coupon?.CouponId, "CouponIds"),
            Sql.Array(orders, order => order.Coupon?.Code, "CouponCodes"),
            Sql.Array(orders, order => order.CouponNotApplied, "CouponsNotApplied"),
            Sql.Array(items, item => item.Address?.Json, "Addresses"),
            Sql.Array(items, item => item.Address?.Key, "AddressKeys"),
            Sql.Array(orders, order => order.IdempotencyKey, "Keys"),
            Sql.Array(orders, order => order.Fingerprint, "Fingerprints"),
            Sql.Array(items, item => item.ContentHash, "Hashes"),
            Sql.Array(orders, order => (double)order.TtlSeconds, "Ttls"),
            Sql.Array(items, item => item.Activity?.TraceId.ToHexString(), "TraceIds"),
            Sql.Array(lines, line => line.OrderId, "LineOrderIds"),
            Sql.Array(lines, line => line.ProductId, "ProductIds"),
            Sql.Array(lines, line => line.LineNo, "LineNos"),
            Sql.Array(lines, line => line.SellerId, "SellerIds"),
            Sql.Array(lines, line => line.Category, "Categories"),
            Sql.Array(lines, line => line.Name, "Names"),
            Sql.Array(lines, line => line.UnitPriceMinor, "UnitPrices"),
            Sql.Array(lines, line => line.Quantity, "Quantities"),
            Sql.Array(lines, line => line.DiscountMinor, "LineDiscounts"),
            Sql.Array(lines, line => line.AmountMinor, "Amounts"),
        ];
    }

    internal sealed record Item(
        NewOrder Order, byte[] ContentHash, SealedAddress? Address, Activity? Activity);

    /// <param name="Order">As it was stored: without its coupon, if that was optional and gone.</param>
    /// <param name="At">When; null where a row of its id or its key was there before, or its coupon is refused.</param>
    /// <param name="CouponRefusal">Why it could not have the coupon it requires.</param>
    internal readonly record struct Outcome(NewOrder Order, DateTimeOffset? At, string? CouponRefusal);
}
