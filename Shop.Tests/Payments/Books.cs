using Dapper;
using Shop.Payments.Payments;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Events;

namespace Shop.Tests.Payments;

/// <summary>Reads the ledger, and makes the refunds that tests of it need.</summary>
internal static class Books
{
    /// <summary>The entries of a source, a line each: kind, currency, account, amount.</summary>
    public static async Task<string> LedgerOfAsync(this PaymentsApp app, Guid source)
    {
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        return string.Join('\n', await connection.QueryAsync<string>("""
            select concat_ws(' ', t.kind, t.currency, e.account, e.amount)
              from ledger_transactions t
              join ledger_entries e on e.transaction_id = t.id
             where t.source_id = @source
             order by t.kind, e.account
            """, new { source }));
    }

    /// <summary>The order wants all that is left; the workers give it back.</summary>
    public static async Task<Guid> RefundRestAsync(this PaymentsApp app, Purchase purchase, Guid paymentId)
    {
        var due = new OrderRefundDue(
            purchase.Order.OrderId, paymentId, Guid.CreateVersion7(), Restock: true, "cancelled",
            app.Clock.GetUtcNow());
        await app.HandleAsync(OnOrderRefundDue.Handle, due);
        await app.DeliverAsync();
        return due.RefundId;
    }

    /// <summary>The buyer sends units of a line back; the workers give the money back.</summary>
    public static async Task<Guid> RefundUnitsAsync(
        this PaymentsApp app, Purchase purchase, Guid paymentId, Guid productId, int quantity)
    {
        var body = new { lines = new[] { new { productId, quantity } }, restock = true, reason = "sent back" };
        var id = await app.RefundedAsync(purchase.User, paymentId, body, key: $"{Guid.CreateVersion7()}");
        await app.DeliverAsync();
        return id;
    }

    /// <summary>Captured at the processor after the payment had ended.</summary>
    public static async Task CaptureLateAsync(this PaymentsApp app, Guid paymentId, long amount)
    {
        app.Processor.CaptureBehind(paymentId, amount);
        var verdict = await SettlePayment.CapturedAsync(
            app.Database, paymentId, amount, "webhook", CancellationToken.None);
        Assert.Equal(PaymentVerdict.RefundOwed, verdict);
    }
}
