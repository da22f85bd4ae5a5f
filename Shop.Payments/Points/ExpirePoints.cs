using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Points;

/// <summary>
/// Lots past their date lose what is still available of them, each under an entry of its own; what is held is not
/// touched. Nothing past its date can be spent before that either: a hold looks at the dates itself.
/// </summary>
internal static class ExpirePoints
{
    // A customer who is paying at this moment is left to the next sweep, and so is one whom another replica has taken.
    private const string AccountsSql = """
        select * from points_accounts
         where user_id in (
               select user_id from points_lots
                where available > 0 and expires_at <= @Now
                order by expires_at
                limit @SweepBatch)
         order by user_id
           for update skip locked
        """;

    // Asked again under the locks: what the first statement saw of the lots may have been spent since.
    private const string LotsSql = """
        select id, user_id, available from points_lots
         where user_id = any(@Users) and available > 0 and expires_at <= @Now
         order by user_id, expires_at, id
         limit @SweepBatch
        """;

    private const string ExpireSql = """
        update points_lots set available = 0, expired_at = @Now where id = @Id and available = @Available
        """;

    public static Task<int> Run(IServiceProvider services, CancellationToken ct) => RunAsync(
        services.GetRequiredService<Database<PaymentsDb>>(), services.GetRequiredService<PointsOptions>(), ct);

    /// <summary>One batch; answers how many lots expired.</summary>
    public static Task<int> RunAsync(Database<PaymentsDb> database, PointsOptions options, CancellationToken ct) =>
        database.TransactAsync(
            async tx =>
            {
                var limits = new { tx.Now, options.SweepBatch };
                var accounts = (await tx.QueryAsync<PointsAccount>(AccountsSql, limits)).ToDictionary(a => a.UserId);
                var lots = await tx.QueryAsync<Lot>(
                    LotsSql, new { Users = accounts.Keys.ToArray(), limits.Now, limits.SweepBatch });
                foreach (var lot in lots) await ExpireAsync(tx, accounts[lot.UserId], lot);
                return lots.Count;
            },
            ct);

    private static async Task ExpireAsync(Transaction<PaymentsDb> tx, PointsAccount account, Lot lot)
    {
        if (await tx.ExecuteAsync(ExpireSql, new { lot.Id, lot.Available, tx.Now }) != 1)
        {
            throw new InvalidOperationException($"Lot {lot.Id} changed although its account is locked.");
        }

        await account.BookAsync(tx, PointsEntry.Expired, lot.Id, available: -lot.Available);
        await Ledger.PostAsync(
            tx, lot.Id, "POINTS_EXPIRY", PointsAccount.Currency,
            new Posting(Accounts.CustomerPoints(account.UserId), lot.Available),
            new Posting(Accounts.ExpiredPoints, -lot.Available));
    }

    private sealed class Lot
    {
        public Guid Id { get; init; }

        public Guid UserId { get; init; }

        public long Available { get; init; }
    }
}
