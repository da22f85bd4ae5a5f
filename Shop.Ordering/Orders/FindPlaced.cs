using Dapper;
using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Orders;

/// <summary>
/// Looks up what is already there under an order's id or under its user and key; many lookups share one query.
/// The row of the id counts first, unless it is a tombstone and another order has the key: a tombstone has none.
/// </summary>
internal sealed class FindPlaced(Database<OrderingDb> database)
{
    private const string Sql = $"""
        select wanted.position, {Qualified}
          from unnest(@Ids, @UserIds, @Keys) with ordinality as wanted (id, user_id, key, position)
         cross join lateral (
               select * from orders where id = wanted.id
                union all
               select * from orders
                where user_id = wanted.user_id and idempotency_key = wanted.key and id <> wanted.id) o
        """;

    private const string Qualified = """
        o.id, o.user_id, o.status as status_text, o.version, o.subtotal_minor, o.discount_minor, o.total_minor,
        o.currency, o.payment_id, o.one_call, o.cancel_requested, o.cancel_reason, o.restock, o.coupon_id,
        o.coupon_code, o.coupon_not_applied, o.idempotency_key, o.fingerprint, o.answer_status, o.answer, o.expires_at,
        o.created_at, o.updated_at
        """;

    internal SharedCommit<Query, Order?> Shared { get; } =
        new((queries, ct) => LookUpAsync(database, queries, ct));

    public Task<Order?> RunAsync(Guid id, Guid userId, string? key, CancellationToken ct) =>
        Shared.RunAsync(new(id, userId, key), ct);

    /// <summary>What each query finds, in order.</summary>
    public static async Task<IReadOnlyList<Order?>> LookUpAsync(
        Database<OrderingDb> database, IReadOnlyList<Query> queries, CancellationToken ct)
    {
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        var found = new Order?[queries.Count];
        var rows = await connection.QueryAsync<long, Order, (long Position, Order Order)>(
            new CommandDefinition(
                Sql,
                new
                {
                    Ids = queries.Select(query => query.Id).ToArray(),
                    UserIds = queries.Select(query => query.UserId).ToArray(),
                    Keys = queries.Select(query => query.Key).ToArray(),
                },
                cancellationToken: ct),
            (position, order) => (position, order),
            splitOn: "id");
        foreach (var (position, order) in rows)
        {
            var i = (int)position - 1;
            if (found[i] is not { } other || CountsMore(order, other, queries[i].Id)) found[i] = order;
        }

        return found;
    }

    /// <summary>Of the two rows that one lookup can find: that of the id, and another that has the key.</summary>
    private static bool CountsMore(Order order, Order other, Guid id) => order.Id == id
        ? order.Status != OrderStatus.Abandoned
        : other.Status == OrderStatus.Abandoned;

    internal readonly record struct Query(Guid Id, Guid UserId, string? Key);
}
