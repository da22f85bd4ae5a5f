using Dapper;
using Shop.Payments.Gateway;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Recovery;

namespace Shop.Payments.Payments;

/// <summary>
/// Finishes what nobody is working on: a payment whose event was lost, whose worker died, or whose outcome is not
/// known. The processor is asked by key, with growing pauses; a charge it never heard of is sent again under the same
/// key; after the last question the key is voided there before the payment may fail.
/// </summary>
internal sealed class RecoverPayments(
    Database<PaymentsDb> database, IPaymentGateway gateway, ChargePayment charges, PaymentsOptions options,
    ILogger<RecoverPayments> log)
{
    public const string Kind = "payments";

    public const string WaitingSql = """
        select created_at as since from payments where status in ('REQUESTED', 'PROCESSING')
        """;

    private const string EndedSql = """
        select count(*) from payments where id = any (@ids) and status in ('COMPLETED', 'FAILED')
        """;

    private const string Cause = "sweep";
    private const string ProcessorTimeout = "processor-timeout";
    private const int Parallel = 8;

    // The lease is next_ask_at itself: whoever moves it has the row until then, and a dead one gives it back by time.
    private const string ClaimSql = """
        with due as (
            select id from payments
             where next_ask_at <= @now
             order by next_ask_at
             limit @SweepBatch
               for update skip locked)
        update payments p
           set next_ask_at = @until, ask_count = ask_count + case p.status when 'PROCESSING' then 1 else 0 end
          from due
         where p.id = due.id
        returning p.*
        """;

    public static Task<int> Run(IServiceProvider services, CancellationToken ct) =>
        services.GetRequiredService<RecoverPayments>().RunAsync(ct);

    public async Task<int> RunAsync(CancellationToken ct)
    {
        var claimed = await database.TransactAsync(async tx =>
        {
            var due = await tx.QueryAsync<Payment>(
                ClaimSql, new { now = tx.Now, until = tx.Now + options.Lease, options.SweepBatch });
            return due.AsList();
        }, ct);

        // Dying from here on costs the lease: the next sweep after it finds the same payments.
        var failed = 0;
        await System.Threading.Tasks.Parallel.ForEachAsync(
            claimed, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = ct },
            async (payment, token) =>
            {
                if (!await TryRecoverAsync(payment, token)) Interlocked.Increment(ref failed);
            });
        if (claimed.Count == 0) return 0;

        // Asked of the rows: whoever ended them meanwhile, they are no longer half-done.
        var ids = claimed.ConvertAll(payment => payment.Id).ToArray();
        var ended = await database.TransactAsync(
            tx => tx.QuerySingleOrDefaultAsync<long>(EndedSql, new { ids }), ct);
        await RecoveryCounts.AddAsync(database.Source, Kind, new(claimed.Count, ended, failed), ct);
        return claimed.Count;
    }

    private async Task<bool> TryRecoverAsync(Payment payment, CancellationToken ct)
    {
        try
        {
            await RecoverAsync(payment, ct);
            return true;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // One payment that can't be handled must not keep the others of its batch from being finished.
            log.LogError(e, "Payment {PaymentId} was not recovered and is tried again after its lease", payment.Id);
            return false;
        }
    }

    private async Task RecoverAsync(Payment payment, CancellationToken ct)
    {
        if (payment.Status == PaymentStatus.Requested)
        {
            await StartAsync(payment, ct);
            return;
        }

        if (payment.VoidDue)
        {
            await charges.VoidAsync(payment, OnPaymentVoidDue.Failure, Cause, ct);
            return;
        }

        Crash.At("RecoverPayments:before-find");
        var result = await gateway.FindChargeAsync(payment.Id, ct);
        Crash.At("RecoverPayments:after-find");
        if (result is ChargeResult.Captured or ChargeResult.Declined)
        {
            await charges.SettleAsync(payment, result, Cause, ct);
        }
        else if (payment.AskCount > options.MaxAsks)
        {
            await charges.VoidAsync(payment, ProcessorTimeout, Cause, ct);
        }
        else if (result is ChargeResult.NotKnown)
        {
            await charges.RunAsync(payment, Cause, ct);
        }
        else
        {
            await charges.SettleAsync(payment, result, Cause, ct);
        }
    }

    private async Task StartAsync(Payment claimed, CancellationToken ct)
    {
        var started = await database.TransactAsync(async tx =>
        {
            // Read again under the lock: the worker or a withdrawal may have been faster.
            if (await Payment.LockAsync(tx, claimed.Id) is not { Status: PaymentStatus.Requested } payment) return null;

            await OnPaymentRequested.StartAsync(tx, payment, options, Cause);
            return payment;
        }, ct);
        if (started is { Status: PaymentStatus.Processing }) await charges.RunAsync(started, Cause, ct);
    }
}
