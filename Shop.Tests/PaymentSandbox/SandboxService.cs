using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.PaymentSandbox;
using Shop.Tests.Fixtures;

namespace Shop.Tests.PaymentSandbox;

/// <summary>The sandbox whole, behind Kestrel, on a database of its own, with short times.</summary>
public sealed class SandboxService : IAsyncLifetime
{
    public const string ApiKey = "api-key-of-the-tests";

    private readonly InfrastructureFixture _infrastructure = new();
    private WebApplication _app = null!;

    public HttpClient Http { get; private set; } = null!;

    /// <summary>Every line that the service has logged.</summary>
    public ConcurrentQueue<string> Log { get; } = [];

    public async Task InitializeAsync()
    {
        await _infrastructure.InitializeAsync();
        _app = Build();
        await _app.StartAsync();
        Http = Client(_app);
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        await _infrastructure.DisposeAsync();
    }

    /// <summary>Another replica on the same database; start it, and dispose of it.</summary>
    public WebApplication Build(params string[] settings) => Build(TimeProvider.System, settings);

    public WebApplication Build(TimeProvider clock, params string[] settings) => SandboxApp.Build(
        [
            "--environment=Development", "--urls=http://127.0.0.1:0",
            $"--ConnectionStrings:sandboxdb={_infrastructure.Database}",
            $"--Sandbox:ApiKey={ApiKey}", "--Sandbox:SlowSeconds=2", "--Sandbox:HangSeconds=120",
            "--Logging:LogLevel:Default=Debug",
            .. settings,
        ],
        builder => builder.Services.AddSingleton(clock).AddSingleton<ILoggerProvider>(new Lines(Log)));

    public static HttpClient Client(WebApplication app)
    {
        var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        http.DefaultRequestHeaders.Add("X-Api-Key", ApiKey);
        return http;
    }

    public static string NewKey() => Guid.CreateVersion7().ToString();

    /// <param name="at">A replica's client; without it the service's own.</param>
    public async Task<Answer> ChargeAsync(
        string key, string cardToken = "tok_ok", long amount = 1_000, string currency = "KRW",
        HttpClient? at = null, CancellationToken ct = default) => await Answer.OfAsync(
            await (at ?? Http).PostAsJsonAsync("/v1/charges", new { key, amount, currency, cardToken }, ct));

    public async Task<Answer> GetAsync(string path, HttpClient? at = null) =>
        await Answer.OfAsync(await (at ?? Http).GetAsync(path));

    public async Task<Answer> VoidAsync(string key, HttpClient? at = null) =>
        await Answer.OfAsync(await (at ?? Http).PostAsync($"/v1/charges/{key}/void", null));

    public async Task<Answer> RefundAsync(string chargeKey, string key, long amount) => await Answer.OfAsync(
        await Http.PostAsJsonAsync($"/v1/charges/{chargeKey}/refunds", new { key, amount }));

    public async Task<T> ScalarAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(_infrastructure.Database);
        return (await connection.ExecuteScalarAsync<T>(sql, parameters))!;
    }

    public Task<long> CapturesAsync(string key) =>
        ScalarAsync<long>("select count(*) from captures where charge_key = @key", new { key });

    /// <summary>An answer in one line, such as <c>200 CAPTURED 1000 KRW</c> or <c>409 key-voided</c>.</summary>
    public sealed record Answer(int Status, string Text, JsonElement Json)
    {
        public static async Task<Answer> OfAsync(HttpResponseMessage response)
        {
            var body = await response.Content.ReadAsStringAsync();
            var json = body.Length == 0 ? default : JsonDocument.Parse(body).RootElement;
            string?[] parts =
            [
                Field(json, "type")?["urn:shop:".Length..], Field(json, "status", JsonValueKind.String),
                Field(json, "result"), Field(json, "failureCode"), Field(json, "amount"), Field(json, "currency"),
            ];
            var status = (int)response.StatusCode;
            return new(status, string.Join(' ', parts.OfType<string>().Prepend($"{status}")), json);
        }

        private static string? Field(JsonElement json, string name, JsonValueKind? kind = null) =>
            json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value)
                && (kind is null || value.ValueKind == kind) ? value.ToString() : null;
    }

    private sealed class Lines(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}

/// <summary>The real clock, until a test has an hour pass at once for whoever waits for some minutes of it.</summary>
internal sealed class HoldingClock : TimeProvider
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Passed = TimeSpan.FromHours(1);
    private readonly ConcurrentQueue<ITimer> _held = [];
    private volatile bool _hasPassed;

    /// <summary>Somebody waits.</summary>
    public bool IsHolding => !_held.IsEmpty;

    public void LetGo()
    {
        _hasPassed = true;
        foreach (var timer in _held) timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + (_hasPassed ? Passed : TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime >= Long && period == Timeout.InfiniteTimeSpan) _held.Enqueue(timer);
        return timer;
    }
}
