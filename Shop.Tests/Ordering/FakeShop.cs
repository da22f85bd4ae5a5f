using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

namespace Shop.Tests.Ordering;

/// <summary>Catalog and Payments as Ordering sees them: one small server that does what it is told.</summary>
public sealed class FakeShop : IAsyncDisposable
{
    private readonly Dictionary<Guid, Product> _products = [];
    private readonly Dictionary<Guid, Reservation> _holds = [];
    private readonly Lock _lock = new();
    private readonly WebApplication _app;

    public FakeShop()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/internal/stocks/reserve-many", Reserve);
        _app.MapPost("/internal/stocks/release", Release);
        _app.MapPost("/internal/payments", StartPayment);
        _app.MapGet("/internal/payments/{id:guid}", AskPayment);
        _app.MapGet("/internal/refunds/{id:guid}", AskRefund);
    }

    public string Address => _app.Urls.First();

    /// <summary>Everything answers 503.</summary>
    public bool IsDown { get; set; }

    public bool ArePaymentsDown { get; set; }

    /// <summary>Runs when a payment is started, before the answer.</summary>
    public Func<StartedPayment, Task<IResult>>? OnPayment { get; set; }

    /// <summary>What is answered about a payment: a status and a failure.</summary>
    public Func<Guid, (string Status, string? Failure)> PaymentState { get; set; } =
        _ => ("FAILED", "attempt-abandoned");

    /// <summary>What is answered about a refund.</summary>
    public Func<Guid, string> RefundStatus { get; set; } = _ => "FAILED";

    /// <summary>The reason that reservations of this order's product are refused for, whatever the stock.</summary>
    public (Guid ProductId, string Reason)? Refuse { get; set; }

    public ConcurrentQueue<Guid> Released { get; } = new();

    public ConcurrentQueue<StartedPayment> Payments { get; } = new();

    public Task StartAsync() => _app.StartAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    public Product Stock(long units, long unitPrice = 1_000, string name = "A thing", Guid? seller = null)
    {
        var product = new Product(Guid.CreateVersion7(), seller ?? Guid.CreateVersion7(), name, unitPrice, units);
        lock (_lock) _products[product.Id] = product;
        return product;
    }

    public long Left(Product product)
    {
        lock (_lock) return _products[product.Id].Units;
    }

    public bool Holds(Guid orderId)
    {
        lock (_lock) return _holds.ContainsKey(orderId);
    }

    private IResult Reserve(JsonElement body)
    {
        if (IsDown) return Results.StatusCode(503);
        var asked = body.GetProperty("reservations").Deserialize<Reservation[]>(ShopJson.Options)!;
        lock (_lock) return Results.Json(new { results = asked.Select(ReserveOne).ToArray() }, ShopJson.Options);
    }

    private object ReserveOne(Reservation asked)
    {
        if (!_holds.ContainsKey(asked.OrderId))
        {
            foreach (var line in asked.Lines)
            {
                if (Refuse is { } refuse && refuse.ProductId == line.ProductId) return No(refuse.Reason, null, null);
                if (!_products.TryGetValue(line.ProductId, out var product))
                {
                    return No("product-unknown", line.ProductId, null);
                }

                if (product.Units < line.Quantity) return No("out-of-stock", line.ProductId, product.Units);
            }

            foreach (var line in asked.Lines)
            {
                var product = _products[line.ProductId];
                _products[line.ProductId] = product with { Units = product.Units - line.Quantity };
            }

            _holds[asked.OrderId] = asked;
        }

        var lines = asked.Lines.OrderBy(line => line.ProductId).Select(line =>
        {
            var product = _products[line.ProductId];
            return new
            {
                productId = line.ProductId, sellerId = product.Seller, category = "tests", name = product.Name,
                unitPrice = product.UnitPrice, quantity = line.Quantity, remainingStock = product.Units,
            };
        });
        return new { orderId = asked.OrderId, success = true, lines = lines.ToArray() };

        object No(string reason, Guid? productId, long? remainingStock) =>
            new { orderId = asked.OrderId, success = false, reason, productId, remainingStock };
    }

    private IResult Release(JsonElement body)
    {
        var orderId = body.GetProperty("orderId").GetGuid();
        lock (_lock)
        {
            if (_holds.Remove(orderId, out var held))
            {
                foreach (var line in held.Lines)
                {
                    var product = _products[line.ProductId];
                    _products[line.ProductId] = product with { Units = product.Units + line.Quantity };
                }
            }
        }

        Released.Enqueue(orderId);
        return Results.Json(new { orderId, verdict = "RELEASED" }, ShopJson.Options);
    }

    private async Task<IResult> StartPayment(StartedPayment payment)
    {
        if (ArePaymentsDown) return Results.StatusCode(503);
        Payments.Enqueue(payment);
        return OnPayment is { } decide ? await decide(payment) : Accepted(payment);
    }

    private IResult AskPayment(Guid id, Guid orderId)
    {
        var (status, failure) = PaymentState(id);
        return Results.Json(new { paymentId = id, orderId, status, failure }, ShopJson.Options);
    }

    private IResult AskRefund(Guid id, Guid paymentId) =>
        Results.Json(new { refundId = id, paymentId, status = RefundStatus(id) }, ShopJson.Options);

    public static IResult Accepted(StartedPayment payment) =>
        Results.Json(new { payment.PaymentId, status = "REQUESTED" }, ShopJson.Options, statusCode: 202);

    public static IResult Declined() => Problems.Of(402, "payment-declined", "No.");

    public static IResult Abandoned() => Problems.Conflict("attempt-abandoned");

    public sealed record Product(Guid Id, Guid Seller, string Name, long UnitPrice, long Units);

    public sealed record StartedPayment(
        Guid PaymentId, Guid OrderId, Guid UserId, string Method, string? CardToken, long? Points, long Amount,
        string Currency, PaidLine[] Lines);

    public sealed record PaidLine(Guid ProductId, Guid SellerId, string Category, int Quantity, long Amount);

    private sealed record Reservation(Guid OrderId, Guid UserId, HeldLine[] Lines, int TtlSeconds);

    private sealed record HeldLine(Guid ProductId, int Quantity);
}
