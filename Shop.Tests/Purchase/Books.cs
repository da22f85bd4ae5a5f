using Shop.Tests.Fixtures;

namespace Shop.Tests.Purchase;

/// <summary>What the databases say, asked directly: answers over HTTP alone prove nothing.</summary>
internal static class Books
{
    public static Task<long> OnHandAsync(this ShopApp shop, Guid product) =>
        shop.ScalarAsync<long>("catalogdb", "select on_hand from stock where product_id = $1", product);

    public static Task<long> ReservedAsync(this ShopApp shop, Guid product) =>
        shop.ScalarAsync<long>("catalogdb", "select reserved from stock where product_id = $1", product);

    /// <summary>HELD, COMMITTED, RELEASED, EXPIRED, or "none".</summary>
    public static Task<string> HoldAsync(this ShopApp shop, Guid order) =>
        shop.ScalarAsync<string>(
            "catalogdb",
            "select coalesce((select status from reservations where order_id = $1), 'none')", order);

    public static Task<long> CapturesAsync(this ShopApp shop, Guid payment) =>
        shop.ScalarAsync<long>(
            "sandboxdb", "select count(*) from captures where charge_key = $1", payment.ToString());

    public static Task<long> CapturedAsync(this ShopApp shop, Guid payment) =>
        shop.ScalarAsync<long>(
            "sandboxdb",
            "select coalesce(sum(amount_minor), 0)::bigint from captures where charge_key = $1", payment.ToString());

    public static Task<long> OrdersOfAsync(this ShopApp shop, string key) =>
        shop.ScalarAsync<long>(
            "orderingdb", "select count(*) from orders where idempotency_key = $1", $"POST /orders:{key}");

    public static Task HoldBecomesAsync(this ShopApp shop, Guid order, string status) =>
        Eventually.GetAsync(
            () => shop.HoldAsync(order), hold => hold == status,
            TimeSpan.FromSeconds(120), $"the hold of {order} is {status}");
}
