using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting;
using Shop.Tests.Fixtures;

namespace Shop.Tests.PaymentSandbox;

public sealed class WebhookTests(SandboxService sandbox) : IClassFixture<SandboxService>
{
    private const string Secret = "webhook-secret-of-the-tests";

    [Fact]
    public async Task Charges_and_refunds_are_told_signed_and_in_the_trace_that_caused_them()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var app = await SenderAsync(receiver);
        var (captured, declined, refund) = (SandboxService.NewKey(), SandboxService.NewKey(), SandboxService.NewKey());
        var trace = ActivityTraceId.CreateRandom().ToHexString();

        await ChargeAsync(app, captured, "tok_ok", $"00-{trace}-00f067aa0ba902b7-01");
        await ChargeAsync(app, declined, "tok_declined");
        using (var http = SandboxService.Client(app))
        {
            await http.PostAsJsonAsync($"/v1/charges/{captured}/refunds", new { key = refund, amount = 40 });
        }

        var notices = await Eventually.GetAsync(
            () => Task.FromResult(receiver.Accepted.ToArray()), accepted => accepted.Length >= 3);
        Assert.Equal(
            new[]
            {
                $"charge.captured {captured} 100", $"charge.declined {declined} 100", $"charge.refunded {refund} 40",
            }.Order(),
            notices.Select(notice => notice.ToString()).Order());
        Assert.Equal(3, notices.Select(notice => notice.Id).Distinct().Count());
        Assert.Equal(trace, notices.Single(notice => notice.Key == captured).TraceId);
    }

    [Fact]
    public async Task What_is_not_taken_is_sent_again()
    {
        await using var receiver = await Receiver.StartAsync(failures: 3);
        await using var app = await SenderAsync(receiver);
        var key = SandboxService.NewKey();

        await ChargeAsync(app, key, "tok_ok");

        await Eventually.HoldsAsync(() => Task.FromResult(receiver.Accepted.Any(notice => notice.Key == key)));
        Assert.Equal(3, receiver.Refused);
        Assert.Equal(4, await AttemptsOfDeliveredAsync(key));
    }

    [Fact]
    public async Task What_is_not_taken_in_the_end_is_given_up_visibly()
    {
        await using var receiver = await Receiver.StartAsync(failures: int.MaxValue);
        await using var app = await SenderAsync(receiver, "--Sandbox:WebhookAttempts=3");
        var key = SandboxService.NewKey();

        await ChargeAsync(app, key, "tok_ok");

        await Eventually.HoldsAsync(async () => await sandbox.ScalarAsync<long>(
            """
            select count(*) from webhooks
             where body like '%' || @key || '%' and given_up_at is not null and attempts = 3 and last_error = 'HTTP 500'
            """,
            new { key }) == 1);
        Assert.Equal(3, receiver.Refused);
    }

    [Fact]
    public async Task One_event_may_come_three_times_and_another_late()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var app = await SenderAsync(receiver, "--Sandbox:WebhookLateSeconds=1.5");
        var (late, thrice) = (SandboxService.NewKey(), SandboxService.NewKey());
        var started = Stopwatch.GetTimestamp();

        await ChargeAsync(app, late, "tok_webhook_late");
        await ChargeAsync(app, thrice, "tok_webhook_thrice");
        await Eventually.HoldsAsync(() => Task.FromResult(receiver.Accepted.Any(notice => notice.Key == late)));

        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromSeconds(1.5));
        var copies = await Eventually.GetAsync(
            () => Task.FromResult(receiver.Accepted.Where(notice => notice.Key == thrice).ToArray()),
            all => all.Length >= 3);
        Assert.Equal(3, copies.Length);
        Assert.Single(copies.Select(copy => copy.Id).Distinct());
    }

    [Fact]
    public async Task A_restart_forgets_nothing()
    {
        await using var receiver = await Receiver.StartAsync();
        var key = SandboxService.NewKey();
        await using (var app = await SenderAsync(receiver, "--Sandbox:WebhookLateSeconds=600"))
        {
            await ChargeAsync(app, key, "tok_webhook_late");
            await app.StopAsync();
        }

        Assert.Empty(receiver.Accepted);
        await sandbox.ScalarAsync<object>("update webhooks set next_at = now()");
        await using var again = await StartAsync(receiver);

        await Eventually.HoldsAsync(() => Task.FromResult(receiver.Accepted.Any(notice => notice.Key == key)));
    }

    private async Task<WebApplication> SenderAsync(Receiver receiver, params string[] settings)
    {
        // What earlier tests of this class left is not for this one's receiver.
        await sandbox.ScalarAsync<object>("delete from webhooks");
        return await StartAsync(receiver, settings);
    }

    private async Task<WebApplication> StartAsync(Receiver receiver, params string[] settings)
    {
        var app = sandbox.Build(
        [
            $"--Sandbox:WebhookUrl={receiver.Url}", $"--Sandbox:WebhookSecret={Secret}",
            "--Sandbox:WebhookRetrySeconds=0.05", "--Sandbox:WebhookPollSeconds=0.05", .. settings,
        ]);
        await app.StartAsync();
        return app;
    }

    private static async Task ChargeAsync(WebApplication app, string key, string cardToken, string? traceParent = null)
    {
        using var http = SandboxService.Client(app);
        if (traceParent is not null) http.DefaultRequestHeaders.Add("traceparent", traceParent);
        var answer = await http.PostAsJsonAsync("/v1/charges", new { key, amount = 100, currency = "KRW", cardToken });
        Assert.Equal(200, (int)answer.StatusCode);
    }

    private Task<int> AttemptsOfDeliveredAsync(string key) => Eventually.GetAsync(
        () => sandbox.ScalarAsync<int>(
            """
            select coalesce(max(attempts), 0) from webhooks
             where body like '%' || @key || '%' and delivered_at is not null
            """,
            new { key }),
        attempts => attempts > 0);

    private sealed record Notice(Guid Id, string Type, string Key, long Amount, string TraceId)
    {
        public override string ToString() => $"{Type} {Key} {Amount}";
    }

    /// <summary>Checks each signature by itself, fails as often as it is told to, and then takes what comes.</summary>
    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private int _failures;
        private int _refused;

        private Receiver(int failures)
        {
            _failures = failures;
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.MapPost("/hook", ReceiveAsync);
        }

        public ConcurrentQueue<Notice> Accepted { get; } = [];

        public int Refused => _refused;

        public string Url => $"{_app.Urls.First()}/hook";

        public static async Task<Receiver> StartAsync(int failures = 0)
        {
            var receiver = new Receiver(failures);
            await receiver._app.StartAsync();
            return receiver;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private async Task<IResult> ReceiveAsync(HttpRequest request)
        {
            using var reader = new StreamReader(request.Body);
            var body = await reader.ReadToEndAsync();
            var signature = request.Headers["Sandbox-Signature"].ToString();
            var time = signature.Split(',')[0]["t=".Length..];
            var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{time}.{body}"));
            if (signature != $"t={time},v1={Convert.ToHexStringLower(mac)}") return Results.Unauthorized();

            if (Interlocked.Decrement(ref _failures) >= 0)
            {
                Interlocked.Increment(ref _refused);
                return Results.StatusCode(500);
            }

            var json = JsonDocument.Parse(body).RootElement;
            Accepted.Enqueue(new Notice(
                json.GetProperty("id").GetGuid(), json.GetProperty("type").GetString()!,
                json.GetProperty("key").GetString()!, json.GetProperty("amount").GetInt64(),
                request.Headers.TraceParent.ToString().Split('-')[1]));
            return Results.Ok();
        }
    }
}
