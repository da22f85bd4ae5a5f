using Microsoft.Extensions.Options;
using Shop.PaymentSandbox.Webhooks;
using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox.Charges;

/// <summary>
/// Decides charges that take their time. Nobody owns one: whoever asks once its time has come decides it, so a charge
/// outlives the caller that went away and the process that died.
/// </summary>
internal sealed class SlowCharges(
    Database<SandboxDb> database, WebhookWriter webhooks, IOptions<SandboxOptions> options, TimeProvider clock,
    IHostApplicationLifetime lifetime)
{
    /// <summary>
    /// Waits for the charge's time and decides it. The caller's going away stops nothing: a bank would not stop either.
    /// </summary>
    public async Task<Charge> DecideInTimeAsync(Charge charge)
    {
        var wait = DueAt(charge) - clock.GetUtcNow();
        if (wait > TimeSpan.Zero) await Task.Delay(wait, clock, lifetime.ApplicationStopping);
        return await DecideAsync(charge);
    }

    /// <summary>The charge as it is now, decided if its time has come.</summary>
    public async Task<Charge> DecideIfDueAsync(Charge charge) =>
        charge.Status == Charge.Pending && DueAt(charge) <= clock.GetUtcNow() ? await DecideAsync(charge) : charge;

    private DateTimeOffset DueAt(Charge charge) => charge.CreatedAt.AddSeconds(options.Value.SlowSeconds);

    private Task<Charge> DecideAsync(Charge charge) => database.TransactAsync(async tx =>
    {
        var plan = Plan.Of(charge.CardToken!);
        if (await Charge.DecideAsync(tx, charge.Key, plan) is not { } decided)
        {
            return await Charge.FindAsync(tx, charge.Key)
                ?? throw new InvalidOperationException("A charge that was there is gone.");
        }

        await webhooks.WriteAsync(tx, decided, plan.Behaviour);
        return decided;
    }, lifetime.ApplicationStopping);
}
