using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Tests.Payments;

/// <summary>The card processor in memory, by the contract of PaymentSandbox; the token decides what happens.</summary>
public sealed class FakeProcessor : IAsyncDisposable
{
    public const string ApiKey = "api-key-of-the-tests";

    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Entry> _charges = [];
    private readonly Dictionary<Guid, (Guid Charge, long Amount)> _refunds = [];
    private readonly HashSet<Guid> _voided = [];
    private readonly ConcurrentDictionary<Guid, int> _calls = new();
    private readonly WebApplication _app;

    public FakeProcessor()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/v1/charges", ChargeAsync);
        _app.MapGet("/v1/charges/{key:guid}", Find);
        _app.MapPost("/v1/charges/{key:guid}/void", Void);
        _app.MapPost("/v1/charges/{key:guid}/refunds", Refund);
    }

    public string Address => _app.Urls.First();

    /// <summary>While it is set every refund is refused.</summary>
    public bool RefusesRefunds { get; set; }

    public Task StartAsync() => _app.StartAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    public int CallsFor(Guid key) => _calls.GetValueOrDefault(key);

    public long CapturedUnder(Guid key)
    {
        lock (_lock) return _charges.TryGetValue(key, out var entry) && entry.Captured ? entry.Amount : 0;
    }

    public bool IsVoided(Guid key)
    {
        lock (_lock) return _voided.Contains(key);
    }

    public long RefundedOf(Guid chargeKey)
    {
        lock (_lock) return _refunds.Values.Where(refund => refund.Charge == chargeKey).Sum(refund => refund.Amount);
    }

    /// <summary>The money is taken, but whoever asked for it was never told.</summary>
    public void CaptureBehind(Guid key, long amount)
    {
        lock (_lock) _charges.Add(key, new(amount, Captured: true));
    }

    private async Task<IResult> ChargeAsync(HttpContext http, ChargeRequest request)
    {
        if (http.Request.Headers["X-Api-Key"] != ApiKey) return Problems.Of(401, "invalid-api-key");
        var calls = _calls.AddOrUpdate(request.Key, 1, (_, n) => n + 1);
        if (request.CardToken == "tok_flaky_2" && calls <= 2) return Results.StatusCode(500);
        if (request.CardToken == "tok_timeout_lost") return await NeverAsync(http);
        if (request.CardToken == "tok_refused") return Problems.Of(400, "card-number-refused");

        var answer = Decide(request);
        return request.CardToken == "tok_timeout_captured" ? await NeverAsync(http) : answer;
    }

    private IResult Decide(ChargeRequest request)
    {
        lock (_lock)
        {
            if (_voided.Contains(request.Key)) return Problems.Conflict("key-voided");
            if (!_charges.TryGetValue(request.Key, out var entry))
            {
                entry = new(request.Amount, request.CardToken != "tok_declined");
                _charges.Add(request.Key, entry);
            }

            return entry.Amount == request.Amount
                ? Results.Json(AnswerOf(request.Key, entry), ShopJson.Options)
                : Problems.Conflict("key-reused");
        }
    }

    private IResult Find(Guid key)
    {
        lock (_lock)
        {
            return _charges.TryGetValue(key, out var entry)
                ? Results.Json(AnswerOf(key, entry), ShopJson.Options)
                : Problems.NotFound();
        }
    }

    private IResult Void(Guid key)
    {
        lock (_lock)
        {
            if (_charges.TryGetValue(key, out var entry) && entry.Captured)
            {
                return Results.Json(new { result = "ALREADY_CAPTURED" });
            }

            _voided.Add(key);
            return Results.Json(new { result = "VOIDED" });
        }
    }

    private IResult Refund(Guid key, RefundRequest request)
    {
        lock (_lock)
        {
            if (RefusesRefunds)
            {
                return Results.Json(new { request.Key, status = "REFUSED", request.Amount, failureCode = "not-now" });
            }

            var known = _refunds.ContainsKey(request.Key);
            var before = _refunds.Values.Where(refund => refund.Charge == key).Sum(refund => refund.Amount);
            if (!known && before + request.Amount > CapturedUnder(key))
            {
                return Results.Json(new { request.Key, status = "REFUSED", request.Amount, failureCode = "too-much" });
            }

            _refunds[request.Key] = (key, request.Amount);
            return Results.Json(new { request.Key, chargeKey = key, status = "REFUNDED", request.Amount });
        }
    }

    private static object AnswerOf(Guid key, Entry entry) => new
    {
        key,
        status = entry.Captured ? "CAPTURED" : "DECLINED",
        entry.Amount,
        failureCode = entry.Captured ? null : "card-declined",
    };

    private static async Task<IResult> NeverAsync(HttpContext http)
    {
        var gone = new TaskCompletionSource();
        await using var registration = http.RequestAborted.Register(() => gone.TrySetResult());
        await gone.Task;
        return Results.StatusCode(499);
    }

    internal sealed record ChargeRequest(Guid Key, long Amount, string Currency, string CardToken);

    internal sealed record RefundRequest(Guid Key, long Amount);

    private sealed record Entry(long Amount, bool Captured);
}
