using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Shop.ServiceDefaults.Data;

namespace Shop.PaymentSandbox.Webhooks;

/// <summary>
/// Sends the webhooks that are due, again and again until they are taken. A row is lent before it is sent: whoever
/// dies with it lets it become due again, so that a webhook may come twice and never not at all.
/// </summary>
internal sealed partial class WebhookSenderService(
    Database<SandboxDb> database, IHttpClientFactory clients, IOptions<SandboxOptions> options, TimeProvider clock,
    ILogger<WebhookSenderService> log) : BackgroundService
{
    public const string Client = "webhooks";
    public const string SignatureHeader = "Sandbox-Signature";
    public const string SourceName = "Shop.PaymentSandbox";

    private const int Batch = 20;
    private const double MaxPauseSeconds = 300;

    private const string LendSql = """
        update webhooks
           set attempts = attempts + 1, next_at = @LentUntil
         where id in (select id from webhooks
                       where next_at <= @Now and delivered_at is null and given_up_at is null
                       order by next_at limit @Batch for update skip locked)
        returning id, body, traceparent, attempts
        """;

    private const string DeliveredSql = "update webhooks set delivered_at = @Now, last_error = null where id = @Id";

    private const string FailedSql = """
        update webhooks
           set next_at = @NextAt, last_error = @Error, given_up_at = case when @GiveUp then @Now end
         where id = @Id and delivered_at is null
        """; // 0 rows: another sender, who had it after us, delivered it.

    private static readonly ActivitySource Source = new(SourceName);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (string.IsNullOrEmpty(options.Value.WebhookUrl)) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            var sent = 0;
            try
            {
                sent = await SendDueAsync(stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or DatabaseBusyException or TimeoutException)
            {
                NotRead(log, e);
            }

            if (sent > 0) continue;
            await Task.Delay(TimeSpan.FromSeconds(options.Value.WebhookPollSeconds), clock, stoppingToken);
        }
    }

    /// <summary>Signs a body: <c>t</c> is when, <c>v1</c> the HMAC-SHA256 of <c>t.body</c> in hexadecimal.</summary>
    internal static string Sign(string secret, long unixSeconds, string body)
    {
        var signed = string.Create(CultureInfo.InvariantCulture, $"{unixSeconds}.{body}");
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(signed));
        return string.Create(CultureInfo.InvariantCulture, $"t={unixSeconds},v1={Convert.ToHexStringLower(mac)}");
    }

    private async Task<int> SendDueAsync(CancellationToken ct)
    {
        // Lent until every one of the batch may have run into its time limit.
        var lease = TimeSpan.FromSeconds((options.Value.WebhookTimeoutSeconds * Batch) + 1);
        var due = await database.TransactAsync(
            tx => tx.QueryAsync<Due>(LendSql, new { tx.Now, LentUntil = tx.Now + lease, Batch }), ct);
        await Task.WhenAll(due.Select(webhook => SendAsync(webhook, ct)));
        return due.Count;
    }

    private async Task SendAsync(Due webhook, CancellationToken ct)
    {
        using var activity = Source.StartActivity("send webhook", ActivityKind.Producer, webhook.TraceParent);
        var error = await TrySendAsync(webhook.Body, ct);

        // Dying here sends it once more.
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        var now = clock.GetUtcNow();
        if (error is null)
        {
            await connection.ExecuteAsync(new CommandDefinition(
                DeliveredSql, new { webhook.Id, now }, cancellationToken: ct));
            return;
        }

        activity?.SetStatus(ActivityStatusCode.Error, error);
        var giveUp = webhook.Attempts >= options.Value.WebhookAttempts;
        if (giveUp) GivenUp(log, webhook.Id, webhook.Attempts, error);
        var pause = Math.Min(
            MaxPauseSeconds, options.Value.WebhookRetrySeconds * Math.Pow(2, Math.Min(webhook.Attempts - 1, 16)));
        await connection.ExecuteAsync(new CommandDefinition(
            FailedSql, new { webhook.Id, now, NextAt = now.AddSeconds(pause), error, giveUp }, cancellationToken: ct));
    }

    /// <summary>Why it was not taken, or null: it was.</summary>
    private async Task<string?> TrySendAsync(string body, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(TimeSpan.FromSeconds(options.Value.WebhookTimeoutSeconds));
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Value.WebhookUrl)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add(
            SignatureHeader, Sign(options.Value.WebhookSecret!, clock.GetUtcNow().ToUnixTimeSeconds(), body));
        try
        {
            using var client = clients.CreateClient(Client);
            using var response = await client.SendAsync(request, limit.Token);
            return response.IsSuccessStatusCode ? null : $"HTTP {(int)response.StatusCode}";
        }
        catch (HttpRequestException e)
        {
            return e.HttpRequestError.ToString();
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return "no answer in time";
        }
    }

    [LoggerMessage(LogLevel.Warning, "The webhooks could not be read; trying again")]
    private static partial void NotRead(ILogger log, Exception exception);

    [LoggerMessage(LogLevel.Error, "Webhook {Id} is given up after {Attempts} attempts: {Error}")]
    private static partial void GivenUp(ILogger log, Guid id, int attempts, string error);

    private sealed record Due(Guid Id, string Body, string? TraceParent, int Attempts);
}
