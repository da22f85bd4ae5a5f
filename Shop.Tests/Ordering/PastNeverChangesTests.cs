using Npgsql;
using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering;

public sealed class PastNeverChangesTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    // As the owner of the tables, and a superuser at that: the triggers refuse it to everybody.
    [Theory]
    [InlineData("update order_lines set unit_price_minor = 1, amount_minor = 1 where order_id = @Id")]
    [InlineData("update order_lines set name = 'x' where order_id = @Id")]
    [InlineData("delete from order_lines where order_id = @Id")]
    [InlineData("truncate order_lines")]
    [InlineData("update orders set total_minor = 1, subtotal_minor = 1, version = version + 1 where id = @Id")]
    [InlineData("update orders set user_id = gen_random_uuid(), version = version + 1 where id = @Id")]
    [InlineData("update orders set currency = 'USD', version = version + 1 where id = @Id")]
    [InlineData("update orders set shipping_address = '{}', version = version + 1 where id = @Id")]
    [InlineData("update orders set content_hash = '', version = version + 1 where id = @Id")]
    [InlineData("update orders set idempotency_key = 'x', fingerprint = '', version = version + 1 where id = @Id")]
    [InlineData("update orders set answer_status = 500, version = version + 1 where id = @Id")]
    [InlineData("update orders set version = version - 1 where id = @Id")]
    [InlineData("update orders set status = 'CANCELLED' where id = @Id")]
    [InlineData("delete from orders where id = @Id")]
    [InlineData("truncate orders cascade")]
    [InlineData("update order_transitions set cause = 'x' where order_id = @Id")]
    [InlineData("delete from order_transitions where order_id = @Id")]
    [InlineData("truncate order_transitions")]
    public async Task The_database_refuses_to_change_what_was_agreed(string sql)
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql, new { order.Id }));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    // As Ordering itself: it may not even ask.
    [Theory]
    [InlineData("update order_lines set name = 'x' where order_id = @Id")]
    [InlineData("delete from order_lines where order_id = @Id")]
    [InlineData("truncate order_lines")]
    [InlineData("update orders set total_minor = 1, subtotal_minor = 1, version = version + 1 where id = @Id")]
    [InlineData("update orders set content_hash = '', version = version + 1 where id = @Id")]
    [InlineData("delete from orders where id = @Id")]
    [InlineData("update order_transitions set cause = 'x' where order_id = @Id")]
    public async Task The_services_role_has_no_right_to_change_what_was_agreed(string sql)
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));

        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => app.Db.TransactAsync(tx => tx.ExecuteAsync(sql, new { order.Id }), CancellationToken.None));

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task A_tombstone_is_never_turned_into_an_order()
    {
        var id = Guid.CreateVersion7();
        Assert.True(await app.Db.TransactAsync(tx => OrderRows.AbandonAsync(tx, id), CancellationToken.None));

        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => app.ExecuteAsync("update orders set updated_at = now(), version = 2 where id = @id", new { id }));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task The_hash_that_is_stored_is_the_one_the_database_computes_from_the_rows()
    {
        var order = await app.PlaceAsync(
            app.Shop.Stock(5, 3, "Ünïcode | 펜\n\"quoted\""), app.Shop.Stock(5, 1_000_000_000_000), app.Shop.Stock(1));

        Assert.True(await app.ScalarAsync<bool>(
            "select content_hash = order_content_hash(id) from orders where id = @Id", new { order.Id }));
    }

    [Fact]
    public async Task An_added_line_is_seen_by_the_hash()
    {
        var order = await app.PlaceAsync(app.Shop.Stock(5));
        await app.ExecuteAsync("""
            insert into order_lines values
                (@Id, gen_random_uuid(), 2, gen_random_uuid(), 'c', 'n', 1, 1, 0, 1)
            """, new { order.Id });

        Assert.False(await app.ScalarAsync<bool>(
            "select content_hash = order_content_hash(id) from orders where id = @Id", new { order.Id }));
    }
}
