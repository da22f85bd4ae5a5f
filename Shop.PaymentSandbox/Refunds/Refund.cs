using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox.Refunds;

/// <summary>A refund, decided once by its key: REFUNDED or REFUSED for ever.</summary>
internal sealed record Refund(
    string Key, string ChargeKey, string Status, long AmountMinor, string? FailureCode, DateTimeOffset CreatedAt)
{
    public const string Refunded = "REFUNDED";
    public const string Refused = "REFUSED";

    public const string Columns = "key, charge_key, status, amount_minor, failure_code, created_at";

    private const string FindSql = $"select {Columns} from refunds where key = @key";

    public static Task<Refund?> FindAsync(Transaction<SandboxDb> tx, string key) =>
        tx.QuerySingleOrDefaultAsync<Refund>(FindSql, new { key });
}
