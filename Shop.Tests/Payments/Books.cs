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

    /// <summary>A refund of a part, stored as whoever allocates one stores it; the workers give it back.</summary>
    public static async Task<Guid> RefundPartAsync(
        this PaymentsApp app, Purchase purchase, Guid paymentId, params (Guid Product, int Quantity, long Amount)[] lines)
    {
        var id = Guid.CreateVersion7();
        await app.ExecuteAsync("""
            update payments set card_refunded = card_refunded + @amount where id = @paymentId;
            insert into refunds (id, payment_id, cause, owed, reason, restock, card, points, status, next_try_at,
                                 created_at, updated_at)
            values (@id, @paymentId, 'CUSTOMER', false, 'part', false, @amount, 0, 'REQUESTED', now(), now(), now());
            insert into refund_lines
            select @id, line.* from unnest(@products, @quantities, @amounts) as line
            """, new
        {
            id,
            paymentId,
            amount = lines.Sum(line => line.Amount),
            products = lines.Select(line => line.Product).ToArray(),
            quantities = lines.Select(line => line.Quantity).ToArray(),
            amounts = lines.Select(line => line.Amount).ToArray(),
        });
        await app.ExecuteAsync("""
            update payment_lines l
               set refunded_quantity = refunded_quantity + r.quantity, refunded_amount = refunded_amount + r.amount
              from refund_lines r
             where r.refund_id = @id and l.payment_id = @paymentId and l.product_id = r.product_id
            """, new { id, paymentId });
        await app.HandleAsync(
            OnRefundRequested.Handle,
            new RefundRequested(id, paymentId, purchase.Order.OrderId, app.Clock.GetUtcNow()));
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
