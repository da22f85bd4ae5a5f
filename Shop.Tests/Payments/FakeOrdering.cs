using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.Payments.Orders;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Tests.Payments;

/// <summary>
/// Ordering as Payments sees it. It says yes to every attempt of the owner, also to several for one order, so that
/// what Payments itself guarantees is seen.
/// </summary>
public sealed class FakeOrdering : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, OrderToPay> _orders = new();
    private readonly ConcurrentDictionary<Guid, string> _refusals = new();
    private readonly WebApplication _app;
    private int _asked;

    public FakeOrdering()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/internal/orders/{id:guid}/payment-attempts", Attempt);
        _app.MapGet("/internal/orders/{id:guid}", Show);
        _app.MapPost("/internal/orders/{id:guid}/refund-attempts", RefundAttempt);
    }

    public string Address => _app.Urls.First();

    /// <summary>How many attempts were asked for.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>Runs between an attempt's arrival and the answer to it.</summary>
    public Func<Guid, Task>? BeforeAnswer { get; set; }

    /// <summary>Runs between a refund attempt's arrival and the answer to it.</summary>
    public Func<RefundAttemptRequest, Task>? BeforeRefundAnswer { get; set; }

    public ConcurrentQueue<RefundAttemptRequest> RefundAttempts { get; } = new();

    public Task StartAsync() => _app.StartAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>An order of two lines, 700 and 300.</summary>
    public OrderToPay Place(Guid user)
    {
        var seller = Guid.CreateVersion7();
        return Place(
            user,
            new(Guid.CreateVersion7(), seller, "books", 2, 700),
            new(Guid.CreateVersion7(), seller, "toys", 1, 300));
    }

    public OrderToPay Place(Guid user, params OrderedLine[] lines)
    {
        var order = new OrderToPay(Guid.CreateVersion7(), user, lines.Sum(line => line.Amount), "KRW", lines);
        _orders[order.OrderId] = order;
        return order;
    }

    public void Refuse(Guid orderId, string slug) => _refusals[orderId] = slug;

    public void Allow(Guid orderId) => _refusals.TryRemove(orderId, out _);

    private async Task<IResult> Attempt(Guid id, AttemptRequest request)
    {
        Interlocked.Increment(ref _asked);
        if (BeforeAnswer is { } before) await before(request.PaymentId);
        if (!_orders.TryGetValue(id, out var order) || order.UserId != request.UserId) return Problems.NotFound();

        return _refusals.TryGetValue(id, out var slug)
            ? Problems.Conflict(slug, "Not now.")
            : Results.Json(order, ShopJson.Options);
    }

    private IResult Show(Guid id) => _orders.TryGetValue(id, out var order)
        ? Results.Json(new { id, order.UserId, Total = order.Amount, order.Currency }, ShopJson.Options)
        : Problems.NotFound();

    private async Task<IResult> RefundAttempt(Guid id, RefundAttemptRequest request)
    {
        RefundAttempts.Enqueue(request);
        if (BeforeRefundAnswer is { } before) await before(request);
        return _refusals.TryGetValue(id, out var slug)
            ? Problems.Conflict(slug, "Not now.")
            : Results.Json(new { request.RefundId, orderId = id }, ShopJson.Options);
    }

    public sealed record RefundAttemptRequest(Guid RefundId, Guid PaymentId, RefundUnits[]? Lines, bool Restock);

    public sealed record RefundUnits(Guid ProductId, int Quantity);

    internal sealed record AttemptRequest(Guid PaymentId, Guid UserId);
}
