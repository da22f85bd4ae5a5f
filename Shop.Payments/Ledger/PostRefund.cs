using Shop.Payments.Payments;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments;

/// <summary>
/// What a completed refund moves in the ledger: what its payment moved, the other way. The caller holds the payment's
/// lock, so the shares of one payment's refunds are decided one after the other.
/// </summary>
internal static class PostRefund
{
    public const string Kind = "REFUND";
    public const string LateKind = "LATE_REFUND";

    private const string PaymentSql = """
        select purpose, user_id, coalesce(currency, @LateCurrency) as currency from payments where id = @PaymentId
        """;

    // Refunds that did not complete have no shares: the room that a failed one gave back is as if it had never been.
    private const string LinesSql = """
        select l.product_id, l.seller_id, l.quantity, l.amount, l.discount, l.fee,
               r.quantity as refunded_quantity, r.amount as refunded_amount,
               before.quantity as quantity_before, before.amount as amount_before,
               before.discount as discount_before, before.fee as fee_before
          from refund_lines r
          join payment_lines l on l.payment_id = @PaymentId and l.product_id = r.product_id
          join lateral (
               select coalesce(sum(b.quantity), 0)::int as quantity, coalesce(sum(b.amount), 0)::bigint as amount,
                      coalesce(sum(s.discount), 0)::bigint as discount, coalesce(sum(s.fee), 0)::bigint as fee
                 from refunds earlier
                 join refund_lines b on b.refund_id = earlier.id and b.product_id = r.product_id
                 join refund_shares s on s.refund_id = b.refund_id and s.product_id = b.product_id
                where earlier.payment_id = @PaymentId) before on true
         where r.refund_id = @Id
        """;

    private const string SharesSql = """
        insert into refund_shares (refund_id, product_id, discount, fee)
        select @Id, share.* from unnest(@Products, @Discounts, @Fees) as share
        """;

    public static async Task RunAsync(Transaction<PaymentsDb> tx, Refund refund)
    {
        var payment = await tx.QuerySingleOrDefaultAsync<Refunded>(
            PaymentSql, new { refund.PaymentId, PostCapture.LateCurrency })
            ?? throw new InvalidOperationException("A refund without its payment.");
        if (refund.Cause == RefundCauses.LateCapture)
        {
            await Ledger.PostAsync(tx, refund.Id, LateKind, payment.Currency, [
                new(Accounts.Refunds, refund.Card),
                new(Accounts.CardClearing, -refund.Card),
            ]);
        }
        else if (payment.Purpose == Payment.Order)
        {
            await GiveSalesBackAsync(tx, refund, payment);
        }
    }

    private static async Task GiveSalesBackAsync(Transaction<PaymentsDb> tx, Refund refund, Refunded payment)
    {
        var lines = await tx.QueryAsync<Line>(LinesSql, new { refund.Id, refund.PaymentId });
        var shares = lines.Select(line => line.Share()).ToArray();
        await tx.ExecuteAsync(SharesSql, new
        {
            refund.Id,
            Products = lines.Select(line => line.ProductId).ToArray(),
            Discounts = shares.Select(share => share.Discount).ToArray(),
            Fees = shares.Select(share => share.Fee).ToArray(),
        });
        await Ledger.PostAsync(tx, refund.Id, Kind, payment.Currency, [
            .. lines.Zip(shares, (line, share) =>
                new Posting(Accounts.Sales(line.SellerId), line.RefundedAmount - share.Fee)),
            new(Accounts.Fees, shares.Sum(share => share.Fee)),
            new(Accounts.CardClearing, -refund.Card),
            new(Accounts.CustomerPoints(payment.UserId!.Value), -refund.Points),
        ]);
    }

    private sealed class Refunded
    {
        public string Purpose { get; init; } = "";

        public Guid? UserId { get; init; }

        public string Currency { get; init; } = "";
    }

    private sealed class Line
    {
        public Guid ProductId { get; init; }

        public Guid SellerId { get; init; }

        public int Quantity { get; init; }

        public long Amount { get; init; }

        public long Discount { get; init; }

        public long Fee { get; init; }

        public int RefundedQuantity { get; init; }

        public long RefundedAmount { get; init; }

        public int QuantityBefore { get; init; }

        public long AmountBefore { get; init; }

        public long DiscountBefore { get; init; }

        public long FeeBefore { get; init; }

        /// <summary>Discount and fee that go back with this line.</summary>
        public (long Discount, long Fee) Share()
        {
            // What was given away whole has no amount to go by.
            var (back, of) = Amount > 0
                ? (AmountBefore + RefundedAmount, Amount)
                : (QuantityBefore + RefundedQuantity, Quantity);
            return (Shares.Of(Discount, back, of) - DiscountBefore, Shares.Of(Fee, back, of) - FeeBefore);
        }
    }
}
