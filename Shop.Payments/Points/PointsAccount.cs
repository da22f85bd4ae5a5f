using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// What a customer owns in points, each worth one minor unit of <see cref="Currency"/>: Available can be spent, Held
/// waits for the outcome of a payment or of a refund. Neither goes below zero; both are the sums of the lots; their
/// sum is the sum of the entries. The row is locked before anything of the account changes, and after the payment or
/// refund that it changes for: tabs that pay with the same points stand in one line.
/// </summary>
public sealed class PointsAccount
{
    /// <summary>The default currency of the shop.</summary>
    public const string Currency = "KRW";

    private const string OpenSql = """
        insert into points_accounts (user_id, created_at, updated_at) values (@userId, @Now, @Now)
            on conflict do nothing
        """;

    private const string LockSql = "select * from points_accounts where user_id = @userId for update";

    private const string BookSql = """
        with account as (
            update points_accounts
               set available = available + @available, held = held + @held, entries = entries + 1, updated_at = @Now
             where user_id = @UserId and available + @available >= 0 and held + @held >= 0
            returning user_id, entries, available + held as balance)
        insert into points_entries (user_id, number, kind, amount, balance, source_id, at)
        select user_id, entries, @kind, @available + @held, balance, @sourceId, @Now from account
        returning number
        """;

    public Guid UserId { get; private set; }

    public long Available { get; private set; }

    public long Held { get; private set; }

    /// <summary>The number of the last entry.</summary>
    public long Entries { get; private set; }

    /// <summary>Makes sure that there is an account; it is not locked by that.</summary>
    internal static Task<int> OpenAsync(Transaction<PaymentsDb> tx, Guid userId) =>
        tx.ExecuteAsync(OpenSql, new { userId, tx.Now });

    /// <summary>The account, locked until the transaction ends, or null: the customer never had points.</summary>
    internal static Task<PointsAccount?> LockAsync(Transaction<PaymentsDb> tx, Guid userId) =>
        tx.QuerySingleOrDefaultAsync<PointsAccount>(LockSql, new { userId });

    /// <summary>
    /// Changes a locked account by signed amounts and writes the entry that says so; answers its number. A second
    /// entry of the same source and kind violates the unique key and undoes the whole transaction.
    /// </summary>
    internal async Task<long> BookAsync(
        Transaction<PaymentsDb> tx, string kind, Guid sourceId, long available = 0, long held = 0)
    {
        var number = await tx.QuerySingleOrDefaultAsync<long?>(
            BookSql, new { UserId, kind, sourceId, available, held, tx.Now })
            ?? throw new InvalidOperationException($"{kind} of {sourceId} would overdraw the points of {UserId}.");
        Available += available;
        Held += held;
        Entries = number;
        return number;
    }
}

/// <summary>One line of a customer's statement: a change of available and held together, and what they were after.</summary>
public sealed class PointsEntry
{
    /// <summary>Bought by a top-up; the source is its payment.</summary>
    public const string Charged = "CHARGED";

    /// <summary>Spent; the source is the payment.</summary>
    public const string Used = "USED";

    /// <summary>Given back; the source is the refund.</summary>
    public const string Returned = "RETURNED";

    /// <summary>Past their date; the source is the lot.</summary>
    public const string Expired = "EXPIRED";

    /// <summary>Given back for money; the source is the refund of the top-up.</summary>
    public const string TakenBack = "TAKEN_BACK";

    public Guid UserId { get; private set; }

    public long Number { get; private set; }

    public string Kind { get; private set; } = "";

    public long Amount { get; private set; }

    public long Balance { get; private set; }

    public Guid SourceId { get; private set; }

    public DateTimeOffset At { get; private set; }
}
