using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Gateway;
using Shop.Payments.Payments;
using Shop.Payments.Refunds;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Webhooks;

/// <summary>
/// What the processor says by itself. It may come late, twice, or in another order than it happened: it settles what
/// is open and changes nothing else. 200 means that there is nothing left to say about it.
/// </summary>
internal static class ReceiveSandboxWebhook
{
    private const int MaxBodyBytes = 16 * 1024;
    private const string Cause = "webhook";

    public sealed record Notice(
        string? Id, string? Type, Guid Key, long Amount, string? FailureCode, DateTimeOffset OccurredAt);

    public static async Task<Results<Ok, ProblemHttpResult>> Handle(
        HttpContext http, SandboxOptions options, Database<PaymentsDb> database, TimeProvider clock,
        ILoggerFactory loggers, CancellationToken ct)
    {
        if (await ReadAsync(http.Request, ct) is not { } body)
        {
            return Problems.Of(StatusCodes.Status413PayloadTooLarge, "webhook-too-large");
        }

        var signed = WebhookSignature.Verify(
            http.Request.Headers[WebhookSignature.Header], body, options.WebhookSecret, clock.GetUtcNow(),
            TimeSpan.FromSeconds(options.WebhookToleranceSeconds));
        if (signed == SignatureVerdict.Invalid) return Refuse("webhook-signature-invalid");
        if (signed == SignatureVerdict.OutsideWindow) return Refuse("webhook-outside-window");
        if (Parse(body) is not { } notice) return Problems.Invalid("body", "This is no notice of the processor.");

        var verdict = await ApplyAsync(database, notice, ct);
        var log = loggers.CreateLogger(typeof(ReceiveSandboxWebhook));
        if (verdict is PaymentVerdict.AmountDiffers or PaymentVerdict.TooLate or PaymentVerdict.Unknown)
        {
            log.LogError(
                "Webhook {Id} {Type} of {Key} disagrees with us: {Verdict}", notice.Id, notice.Type, notice.Key,
                verdict);
        }

        // Said again later it may find what it speaks of; said once more now it may not.
        return verdict == PaymentVerdict.Unknown ? Problems.NotFound() : TypedResults.Ok();
    }

    private static async Task<PaymentVerdict> ApplyAsync(
        Database<PaymentsDb> database, Notice notice, CancellationToken ct) => notice.Type switch
        {
            "charge.captured" =>
                await SettlePayment.CapturedAsync(database, notice.Key, notice.Amount, Cause, ct),
            "charge.declined" =>
                await SettlePayment.FailedAsync(
                    database, notice.Key, notice.FailureCode ?? "declined", Cause, ct),
            "charge.refunded" =>
                await SettleRefund.RefundedAsync(database, notice.Key, Cause, ct, said: notice.Amount),
            _ => PaymentVerdict.AlreadyApplied, // A kind of notice that Payments does not act upon.
        };

    private static ProblemHttpResult Refuse(string slug) => Problems.Of(StatusCodes.Status401Unauthorized, slug);

    private static Notice? Parse(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize<Notice>(body, ShopJson.Options);
        }
        catch (JsonException)
        {
            return null; // Signed, but not a notice: answered 400.
        }
    }

    private static async Task<byte[]?> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (request.ContentLength > MaxBodyBytes) return null;

        var buffer = ArrayPool<byte>.Shared.Rent(MaxBodyBytes + 1);
        try
        {
            var length = await request.Body.ReadAtLeastAsync(
                buffer.AsMemory(0, MaxBodyBytes + 1), MaxBodyBytes + 1, throwOnEndOfStream: false, ct);
            return length > MaxBodyBytes ? null : buffer.AsSpan(0, length).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
