using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Shop.PaymentSandbox.Charges;
using Shop.PaymentSandbox.Refunds;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;

namespace Shop.PaymentSandbox.Webhooks;

/// <summary>Writes what is to be told into the transaction that makes it true: neither is without the other.</summary>
internal sealed class WebhookWriter(IOptions<SandboxOptions> options)
{
    private const int ThriceCopies = 3;

    private const string InsertSql = """
        insert into webhooks (id, event_id, body, traceparent, next_at, created_at)
        values (@Id, @EventId, @Body, @TraceParent, @NextAt, @Now)
        """;

    public Task WriteAsync(Transaction<SandboxDb> tx, Charge charge, Behaviour behaviour) => WriteAsync(
        tx,
        new Notice(
            Guid.CreateVersion7(tx.Now), charge.Status == Charge.Captured ? "charge.captured" : "charge.declined",
            charge.Key, null, charge.AmountMinor!.Value, charge.FailureCode, tx.Now),
        copies: behaviour is Behaviour.WebhookThrice ? ThriceCopies : 1,
        sendAt: behaviour is Behaviour.WebhookLate ? tx.Now.AddSeconds(options.Value.WebhookLateSeconds) : tx.Now);

    public Task WriteAsync(Transaction<SandboxDb> tx, Refund refund) => WriteAsync(
        tx,
        new Notice(
            Guid.CreateVersion7(tx.Now), "charge.refunded", refund.Key, refund.ChargeKey, refund.AmountMinor, null,
            tx.Now),
        copies: 1,
        sendAt: tx.Now);

    private async Task WriteAsync(Transaction<SandboxDb> tx, Notice notice, int copies, DateTimeOffset sendAt)
    {
        if (string.IsNullOrEmpty(options.Value.WebhookUrl)) return;
        var body = JsonSerializer.Serialize(notice, ShopJson.Options);
        for (var copy = 0; copy < copies; copy++)
        {
            await tx.ExecuteAsync(InsertSql, new
            {
                Id = Guid.CreateVersion7(tx.Now),
                EventId = notice.Id,
                body,
                TraceParent = Activity.Current?.Id,
                NextAt = sendAt,
                tx.Now,
            });
        }
    }

    /// <param name="Key">What it is about: a charge, or a refund, which names its charge too.</param>
    private sealed record Notice(
        Guid Id, string Type, string Key, string? ChargeKey, long Amount, string? FailureCode,
        DateTimeOffset OccurredAt);
}
