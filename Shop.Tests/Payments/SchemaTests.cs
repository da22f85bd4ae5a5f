using Npgsql;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.Payments;

public sealed class SchemaTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    [Theory]
    [InlineData("update payments set card_refunded = card_captured + 1")]
    [InlineData("update payments set points_refunded = 1")]
    [InlineData("update payments set amount = amount + 1, card_amount = card_amount + 1")]
    [InlineData("update payments set status = 'FAILED', failure = 'x', card_captured = 0, answer = 'y'")]
    [InlineData("delete from payments")]
    [InlineData("update payment_lines set refunded_quantity = quantity + 1")]
    [InlineData("update payment_lines set amount = amount + 1")]
    [InlineData("update refunds set status = 'FAILED', failure = 'no', next_try_at = null")]
    [InlineData("update refunds set card = card + 1")]
    [InlineData("delete from refunds")]
    [InlineData("update payment_transitions set cause = 'x'")]
    [InlineData("delete from payment_transitions")]
    [InlineData("truncate payment_transitions")]
    [InlineData("delete from refund_lines")]
    [InlineData("truncate payments cascade")]
    public async Task The_database_itself_refuses_what_the_code_must_not_do(string sql)
    {
        var purchase = new Purchase(app);
        var id = await purchase.PaidAsync();
        var due = new OrderRefundDue(
            purchase.Order.OrderId, id, Guid.CreateVersion7(), Restock: true, "cancelled", app.Clock.GetUtcNow());
        await app.HandleAsync(OnOrderRefundDue.Handle, due);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql));

        Assert.Contains(
            refused.SqlState, new[] { PostgresErrorCodes.CheckViolation, PostgresErrorCodes.RestrictViolation });
    }
}
