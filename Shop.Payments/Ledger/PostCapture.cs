using Shop.Payments.Payments;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments;

/// <summary>What a capture moves in the ledger.</summary>
internal static class PostCapture
{
    public const string Kind = "CAPTURE";
    public const string LateKind = "LATE_CAPTURE";

    /// <summary>Of a tombstone, which knows no currency: the shop sells in this one.</summary>
    public const string LateCurrency = "KRW";

    private const string SalesSql = """
        select seller_id, sum(amount - fee)::bigint as net, sum(fee)::bigint as fee
          from payment_lines
         where payment_id = @Id
         group by seller_id
        """;

    /// <summary>An order's payment: from card and held points to the sellers, less the shop's fees.</summary>
    public static async Task RunAsync(Transaction<PaymentsDb> tx, Payment payment)
    {
        var sales = await tx.QueryAsync<Sale>(SalesSql, new { payment.Id });
        await Ledger.PostAsync(tx, payment.Id, Kind, payment.Currency!, [
            new(Accounts.CardClearing, payment.CardAmount),
            new(Accounts.HeldPoints(payment.UserId!.Value), payment.PointsAmount),
            .. sales.Select(sale => new Posting(Accounts.Sales(sale.SellerId), -sale.Net)),
            new(Accounts.Fees, -sales.Sum(sale => sale.Fee)),
        ]);
    }

    /// <summary>Race 2: money for a payment that had ended is nobody's sale; the shop owes it back.</summary>
    public static Task RunLateAsync(Transaction<PaymentsDb> tx, Payment payment, long amount) =>
        Ledger.PostAsync(tx, payment.Id, LateKind, payment.Currency ?? LateCurrency, [
            new(Accounts.CardClearing, amount),
            new(Accounts.Refunds, -amount),
        ]);

    private sealed record Sale(Guid SellerId, long Net, long Fee);
}
