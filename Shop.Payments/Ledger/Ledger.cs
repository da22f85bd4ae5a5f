using System.Diagnostics;
using Shop.ServiceDefaults.Data;

// Not Shop.Payments.Ledger: a namespace of that name would hide the class from its neighbours.
namespace Shop.Payments;

/// <summary>One side of a ledger transaction, in minor units: a debit is positive, a credit negative.</summary>
internal sealed record Posting(string Account, long AmountMinor);

/// <summary>
/// The double-entry ledger, written in the transaction of the state change that it explains. The database holds its
/// rules: a transaction sums to zero at COMMIT, takes no further entries, never changes, and is there once for each
/// source and kind.
/// </summary>
internal static class Ledger
{
    private const string InsertSql = """
        with posted as (
            insert into ledger_transactions (id, source_id, kind, currency, entry_count, trace_id, at)
            values (@Id, @sourceId, @kind, @currency, cardinality(@Accounts), @TraceId, @Now)
            returning id)
        insert into ledger_entries (transaction_id, account, amount)
        select posted.id, entry.account, entry.amount
          from posted, unnest(@Accounts, @Amounts) as entry (account, amount)
        """;

    /// <summary>
    /// Posts <paramref name="postings"/> under (<paramref name="sourceId"/>, <paramref name="kind"/>). Postings to
    /// one account are added up, and what comes to zero is left out; where nothing is left, nothing moved and nothing
    /// is posted. A second call for the same source and kind violates the unique key and undoes the whole transaction:
    /// it is conditional on a state change that happens once, so a second one is a bug, not a repeat.
    /// </summary>
    /// <exception cref="ArgumentException">The postings do not sum to zero.</exception>
    public static async Task PostAsync(
        Transaction<PaymentsDb> tx, Guid sourceId, string kind, string currency,
        params IReadOnlyList<Posting> postings)
    {
        var entries = postings.GroupBy(posting => posting.Account)
            .Select(account => new Posting(account.Key, account.Sum(posting => posting.AmountMinor)))
            .Where(entry => entry.AmountMinor != 0)
            .ToList();
        if (entries.Sum(entry => (decimal)entry.AmountMinor) != 0)
        {
            throw new ArgumentException($"{kind} of {sourceId} is out of balance: {string.Join(", ", entries)}.");
        }

        if (entries.Count == 0) return;

        await tx.ExecuteAsync(InsertSql, new
        {
            Id = Guid.CreateVersion7(tx.Now),
            sourceId,
            kind,
            currency,
            Accounts = entries.Select(entry => entry.Account).ToArray(),
            Amounts = entries.Select(entry => entry.AmountMinor).ToArray(),
            TraceId = Activity.Current?.TraceId.ToHexString(),
            tx.Now,
        });
    }
}

/// <summary>The names of the ledger's accounts.</summary>
internal static class Accounts
{
    /// <summary>What the card processor holds for the shop: captured and not given back.</summary>
    public const string CardClearing = "card-clearing";

    /// <summary>What the shop earns from its sellers' sales.</summary>
    public const string Fees = "fees";

    /// <summary>What the shop owes to payers whose money came after their payment had ended.</summary>
    public const string Refunds = "refunds";

    /// <summary>Points that nobody used in time: the shop owes nothing for them any more.</summary>
    public const string ExpiredPoints = "expired-points";

    /// <summary>What a customer can spend: the shop owes it.</summary>
    public static string CustomerPoints(Guid userId) => $"customer-points:{userId}";

    /// <summary>Points of a customer that a payment on its way has set aside.</summary>
    public static string HeldPoints(Guid userId) => $"held-points:{userId}";

    /// <summary>What the shop owes a seller for its sales, less fees and refunds.</summary>
    public static string Sales(Guid sellerId) => $"sales:{sellerId}";
}
