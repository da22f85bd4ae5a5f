using Npgsql;
using Shop.Tests.Purchase;

namespace Shop.Tests.Stock;

/// <summary>
/// What a purchase wrote stays as it is: the service has no right to change it, and the owner meets a trigger.
/// </summary>
[Collection(StockShopCollection.Name)]
public sealed class PastTests(StockShop shop)
{
    [Theory]
    [InlineData("orderingdb", "order_lines", "order_id", "name = 'x'")]
    [InlineData("orderingdb", "order_lines", "order_id", "quantity = 1, amount_minor = unit_price_minor")]
    [InlineData("catalogdb", "stock_movements", "order_id", "quantity = quantity - 1")]
    [InlineData("paymentsdb", "payment_transitions", "payment_id", "cause = 'x'")]
    public async Task Neither_service_nor_owner_can_change_or_remove_the_rows_of_a_paid_order(
        string database, string table, string key, string change)
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 5);
        var buyer = await shop.NewBuyerAsync();
        var paid = await buyer.PlaceAsync(product, quantity: 2, card: "tok_ok");
        Assert.Equal("PAID", paid.Text("status"));
        await shop.HoldBecomesAsync(paid.Id, "COMMITTED");
        var id = key == "order_id" ? paid.Id : Assert.Single(
            paid.Body.GetProperty("payments").EnumerateArray()).GetProperty("id").GetGuid();

        Assert.True(await shop.ScalarAsync<bool>(
            database, "select tableowner = current_user from pg_tables where tablename = $1", table));
        var before = await RowsAsync();
        Assert.NotEqual("", before);

        await AssertRefusedAsync($"update {table} set {change} where {key} = $1 returning 1", id);
        await AssertRefusedAsync($"delete from {table} where {key} = $1 returning 1", id);
        await AssertRefusedAsync($"truncate {table}");
        await AssertRefusedAsync($"truncate {table} cascade");

        Assert.Equal(before, await RowsAsync());

        Task<string> RowsAsync() => shop.ScalarAsync<string>(
            database,
            $"select coalesce(string_agg(t::text, ';' order by t::text), '') from {table} t where {key} = $1", id);

        async Task AssertRefusedAsync(string sql, params object[] parameters)
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(
                () => shop.ScalarAsync<int>(database, sql, parameters));
            Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);

            await using var service = new NpgsqlConnection(await shop.RoleConnectionStringAsync(database));
            await service.OpenAsync();
            await using var command = new NpgsqlCommand(sql, service);
            foreach (var value in parameters) command.Parameters.Add(new() { Value = value });
            var denied = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, denied.SqlState);
        }
    }
}
