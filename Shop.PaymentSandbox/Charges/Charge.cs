using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox.Charges;

/// <summary>What a key stands for. PENDING becomes CAPTURED, DECLINED or VOIDED, once; nothing else changes.</summary>
internal sealed record Charge(
    string Key, string Status, long? AmountMinor, string? Currency, string? CardToken, string? FailureCode,
    long CapturedMinor, long RefundedMinor, DateTimeOffset CreatedAt, DateTimeOffset? DecidedAt)
{
    public const string Pending = "PENDING";
    public const string Captured = "CAPTURED";
    public const string Declined = "DECLINED";
    public const string Voided = "VOIDED";

    public const string Columns = """
        key, status, amount_minor, currency, card_token, failure_code,
        captured_minor, refunded_minor, created_at, decided_at
        """;

    private const string FindSql = $"select {Columns} from charges where key = @key";

    private const string InsertSql = $"""
        insert into charges (key, status, amount_minor, currency, card_token, created_at)
        values (@Key, 'PENDING', @Amount, @Currency, @CardToken, @Now)
            on conflict (key) do nothing
        returning {Columns}
        """; // 0 rows: the key is known, and what it means was decided then.

    private const string DecideSql = $"""
        update charges
           set status = @Status,
               failure_code = @FailureCode,
               captured_minor = case when @Status = 'CAPTURED' then amount_minor else 0 end,
               decided_at = @Now
         where key = @key and status = 'PENDING'
        returning {Columns}
        """; // 0 rows: another decided it, or a void was first.

    private const string CaptureSql = """
        insert into captures (charge_key, amount_minor, currency, captured_at)
        values (@Key, @AmountMinor, @Currency, @Now)
        """;

    public static Task<Charge?> FindAsync(Transaction<SandboxDb> tx, string key) =>
        tx.QuerySingleOrDefaultAsync<Charge>(FindSql, new { key });

    public static Task<Charge?> InsertAsync(Transaction<SandboxDb> tx, CreateCharge.Request request) =>
        tx.QuerySingleOrDefaultAsync<Charge>(
            InsertSql, new { request.Key, request.Amount, request.Currency, request.CardToken, tx.Now });

    /// <summary>Captures or declines a pending charge as its token says; null: it is not pending any more.</summary>
    public static async Task<Charge?> DecideAsync(Transaction<SandboxDb> tx, string key, Plan plan)
    {
        var status = plan.FailureCode is null ? Captured : Declined;
        var charge = await tx.QuerySingleOrDefaultAsync<Charge>(
            DecideSql, new { key, status, plan.FailureCode, tx.Now });
        if (charge is { Status: Captured })
        {
            await tx.ExecuteAsync(CaptureSql, new { charge.Key, charge.AmountMinor, charge.Currency, tx.Now });
        }

        return charge;
    }

    public bool IsSameRequest(CreateCharge.Request request) =>
        AmountMinor == request.Amount && Currency == request.Currency && CardToken == request.CardToken;
}
