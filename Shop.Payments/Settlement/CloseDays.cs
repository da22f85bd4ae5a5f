using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Settlement;

/// <summary>
/// Closes the days that are over, in order, and makes their statements. A day is over when the settlement group has
/// every event of it: handled, or parked, which then falls into a later day. Empty days close too, so that a date that
/// was told never changes.
/// </summary>
internal sealed partial class CloseDays(
    Database<PaymentsDb> database, PaymentsOptions options, ILogger<CloseDays> log)
{
    public const string Group = "payments-settlement";

    private const string NextSql = """
        with next as (
            select coalesce((select max(day) + 1 from settlement_days where status = 'CLOSED'),
                            (select min(day) from settlement_days)) as day)
        select next.day
          from next
          join group_progress g on g.consumer_group = @Group
         where g.whole_until >= (next.day + 1)::timestamp at time zone @SettlementTimeZone
        """;

    private const string MakeSql = "insert into settlement_days (day) values (@day) on conflict do nothing";

    private const string LockSql = """
        select true from settlement_days where day = @day and status = 'OPEN' for update
        """;

    private const string StatementsSql = """
        insert into settlement_statements
               (id, day, seller_id, category, currency, line_count, orders, gross, discount, refunds, fee, net)
        select statement_id, day, seller_id, category, currency, count(*),
               count(distinct order_id) filter (where kind = 'CAPTURE'), sum(gross), sum(discount),
               coalesce(sum(discount - gross) filter (where kind = 'REFUND'), 0), sum(fee), sum(net)
          from settlement_lines
         where day = @day
         group by statement_id, day, seller_id, category, currency
        """;

    private const string CloseSql = """
        update settlement_days set status = 'CLOSED', closed_at = @Now where day = @day and status = 'OPEN'
        """;

    public static Task<int> Run(IServiceProvider services, CancellationToken ct) =>
        services.GetRequiredService<CloseDays>().RunAsync(ct);

    /// <summary>One day at a time. Answers 0 when none is over, or another process has just closed it.</summary>
    public Task<int> RunAsync(CancellationToken ct) => database.TransactAsync(async tx =>
    {
        var over = await tx.QuerySingleOrDefaultAsync<DateOnly?>(NextSql, new { Group, options.SettlementTimeZone });
        if (over is not { } day) return 0;

        await tx.ExecuteAsync(MakeSql, new { day });
        if (!await tx.QuerySingleOrDefaultAsync<bool>(LockSql, new { day })) return 0;

        // Whoever held the day for a line has committed: this statement sees all of them.
        var statements = await tx.ExecuteAsync(StatementsSql, new { day });
        var closed = await tx.ExecuteAsync(CloseSql, new { day, tx.Now });
        if (closed != 1) throw new InvalidOperationException("A locked day was not in the state that was read.");
        Closing(log, day, statements);
        return closed;
    }, ct);

    [LoggerMessage(LogLevel.Information, "The day {Day} is closed with {Count} statements")]
    private static partial void Closing(ILogger log, DateOnly day, int count);
}
