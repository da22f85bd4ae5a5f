using Dapper;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Payments;
using Shop.Payments.Orders;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Payments;

/// <summary>
/// Payments whole, on a PostgreSQL database of its own: the HTTP half behind Kestrel, the background half as workers
/// host it, with Ordering and the processor as small servers. Events are handed from the outbox to the handlers by
/// <see cref="DeliverAsync"/>, so a test decides what is delivered, when and how often.
/// </summary>
public sealed class PaymentsApp : IAsyncLifetime
{
    // Ids that transactions running at the same time may commit after a later one.
    private const int IdsInFlight = 200;

    public const string WebhookSecret = "webhook-secret-of-the-tests";

    private readonly InfrastructureFixture _infrastructure = new();
    private readonly HashSet<Guid> _delivered = [];
    private readonly Queue<(string Type, string Payload)> _read = [];
    private readonly Subscriptions<PaymentsDb> _handlers = new("test");
    private readonly List<WebApplication> _replicas = [];
    private IHost _workers = null!;
    private long _lastId;

    public FakeOrdering Ordering { get; } = new();

    public FakeProcessor Processor { get; } = new();

    public ShiftedClock Clock { get; } = new();

    /// <summary>How long the processor may take. Long, but for tests of one that does not answer.</summary>
    public int ProcessorTimeoutSeconds { get; init; } = 60;

    public IServiceProvider Workers => _workers.Services;

    public Database<PaymentsDb> Database => _workers.Services.GetRequiredService<Database<PaymentsDb>>();

    public async Task InitializeAsync()
    {
        await _infrastructure.InitializeAsync();
        await Ordering.StartAsync();
        await Processor.StartAsync();

        await AddReplicaAsync(_infrastructure.Database);

        // Never started, so that nothing reads streams or sweeps by itself: its services are the workers' slices.
        var workers = Host.CreateApplicationBuilder();
        Configure(workers, _infrastructure.Database);
        workers.Services.AddServiceDiscovery();
        workers.AddPaymentsBackground();
        _workers = workers.Build();
        PaymentsBackground.OnPaymentEvents(_handlers);
        PaymentsBackground.OnOrderEvents(_handlers);
        PaymentsBackground.OnSettlementEvents(_handlers);
    }

    /// <summary>One more replica, reaching the database in its own way; the answer is its number.</summary>
    public async Task<int> AddReplicaAsync(string connectionString)
    {
        var web = WebApplication.CreateBuilder();
        Configure(web, connectionString);
        web.WebHost.UseUrls("http://127.0.0.1:0");
        web.Services.AddServiceDiscovery();
        web.Services.AddValidation();
        web.Services.ConfigureHttpJsonOptions(json => ShopJson.Apply(json.SerializerOptions));
        web.Services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, TestUsers>("test", null);
        web.Services.AddAuthorizationBuilder()
            .AddPolicy(Policies.SignedIn, policy => policy.RequireClaim("sub"))
            .AddPolicy(Policies.SellerOrAdmin, policy => policy.RequireClaim("role", "seller", "admin"))
            .AddPolicy(Policies.PaymentsInternal, policy => policy.RequireClaim("scope", Policies.PaymentsInternal));
        web.AddPaymentsCore();
        web.AddServiceClient<OrderingClient>("ordering", http => http.SendServiceToken = false);
        _replicas.Add(web.Build());
        _replicas[^1].MapPayments();
        await _replicas[^1].StartAsync();
        return _replicas.Count - 1;
    }

    public async Task DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        _workers.Dispose();
        await Ordering.DisposeAsync();
        await Processor.DisposeAsync();
        await _infrastructure.DisposeAsync();
    }

    /// <summary>Connection string of the database that all replicas share.</summary>
    public string ConnectionString => _infrastructure.Database;

    public HttpClient ClientOf(Guid user, bool admin = false, int replica = 0) =>
        Client(admin ? $"{user} admin" : $"{user}", replica);

    public HttpClient SellerClient(Guid seller) => Client($"{Guid.CreateVersion7()} seller {seller}");

    /// <summary>A service with the scope that the internal endpoints ask for.</summary>
    public HttpClient InternalClient() => Client("service");

    public HttpClient Client(string? credentials, int replica = 0)
    {
        var client = new HttpClient { BaseAddress = new Uri(_replicas[replica].Urls.First()) };
        if (credentials is not null) client.DefaultRequestHeaders.Authorization = new("Test", credentials);
        return client;
    }

    /// <summary>Hands every event that was not yet delivered to its handlers, and what they publish too.</summary>
    public async Task DeliverAsync()
    {
        while (await NextAsync() is { } next) await HandleAsync(next);
    }

    /// <summary>Hands every event there is to its handlers, delivered or not, as they came or backwards.</summary>
    public async Task DeliverAllAgainAsync(bool reversed)
    {
        await using var connection = await _infrastructure.OpenAsync();
        var events = await connection.QueryAsync<(string Type, string Payload)>(
            $"select type, payload::text from outbox order by id {(reversed ? "desc" : "asc")}");
        foreach (var next in events) await HandleAsync(next);
    }

    /// <summary>Hands one event to a handler, as the consumer does: the transaction, then the work after it.</summary>
    public async Task<Verdict> HandleAsync<TEvent>(
        Func<TEvent, HandlerContext<PaymentsDb>, Task<Verdict>> handler, TEvent @event, bool afterCommit = true)
    {
        await using var scope = Workers.CreateAsyncScope();
        HandlerContext<PaymentsDb> context = null!;
        var verdict = await Database.TransactAsync(async tx =>
        {
            var envelope = new Envelope(
                Guid.CreateVersion7(), tx.Now, "test", typeof(TEvent).Name, Guid.Empty, 1, tx.Now, null, null);
            context = new(tx, envelope, scope.ServiceProvider, CancellationToken.None);
            var answer = await handler(@event, context);
            if (answer == Verdict.NotYet) tx.Refuse();
            return answer;
        }, CancellationToken.None);
        if (!afterCommit || verdict == Verdict.NotYet) return verdict;

        foreach (var work in context.AfterCommitWork) await work(CancellationToken.None);
        return verdict;
    }

    public async Task<T> ScalarAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await _infrastructure.OpenAsync();
        return (await connection.ExecuteScalarAsync<T>(sql, parameters))!;
    }

    public async Task<int> ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await _infrastructure.OpenAsync();
        return await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<IReadOnlyList<string>> EventsOfAsync(Guid key)
    {
        await using var connection = await _infrastructure.OpenAsync();
        return (await connection.QueryAsync<string>(
            "select type from outbox where key = @key order by id", new { key })).AsList();
    }

    public Task<string> StatusAsync(Guid paymentId) =>
        ScalarAsync<string>("select status from payments where id = @paymentId", new { paymentId });

    private void Configure(IHostApplicationBuilder builder, string connectionString)
    {
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:paymentsdb"] = connectionString,
            ["services:ordering:http:0"] = Ordering.Address,
            ["services:sandbox:http:0"] = Processor.Address,
            ["Sandbox:ApiKey"] = FakeProcessor.ApiKey,
            ["Sandbox:WebhookSecret"] = WebhookSecret,
            ["Sandbox:TimeoutSeconds"] = $"{ProcessorTimeoutSeconds}",
            ["Http:sandbox:BreakerFailures"] = "10000",
            ["Http:ordering:AttemptTimeoutSeconds"] = "20",
            ["Http:ordering:TotalTimeoutSeconds"] = "40",
            ["Http:ordering:BreakerFailures"] = "10000",
            // Tests hold locks until something waits for them, and crowds wait for one row.
            ["Database:PoolSize"] = "32",
            ["Database:LockTimeoutMs"] = "10000",
            ["Database:IdleInTransactionTimeoutMs"] = "60000",
        });
    }

    private async Task<(string Type, string Payload)?> NextAsync()
    {
        if (_read.Count == 0) await ReadAsync();
        return _read.TryDequeue(out var next) ? next : null;
    }

    private async Task ReadAsync()
    {
        await using var connection = await _infrastructure.OpenAsync();
        var rows = await connection.QueryAsync<(long Id, Guid EventId, string Type, string Payload)>(
            "select id, event_id, type, payload::text from outbox where id > @from order by id",
            new { from = _lastId - IdsInFlight });
        foreach (var row in rows)
        {
            if (_delivered.Add(row.EventId)) _read.Enqueue((row.Type, row.Payload));
            _lastId = Math.Max(_lastId, row.Id);
        }
    }

    private async Task HandleAsync((string Type, string Payload) next)
    {
        if (_handlers.ByType.TryGetValue(next.Type, out var subscription))
        {
            await HandleAsync<string>(subscription.Handle, next.Payload);
        }
    }
}

/// <summary>The system's time, moved forward by hand.</summary>
public sealed class ShiftedClock : TimeProvider
{
    private long _ticks;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Interlocked.Read(ref _ticks));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
}
