using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Catalog;
using Shop.Catalog.Popularity;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Catalog.Popularity;

/// <summary>An order of the test's own truth, with what came back of it.</summary>
internal sealed record Sold(Guid Id, Guid User, DateTimeOffset PaidAt, IReadOnlyList<RefundedLine> Lines)
{
    public List<(Guid RefundId, IReadOnlyList<RefundedLine> Lines)> Refunds { get; } = [];

    public long Left(Guid product) => Units(Lines, product) - Refunds.Sum(refund => Units(refund.Lines, product));

    public long Paid(Guid product) => Money(Lines, product) - Refunds.Sum(refund => Money(refund.Lines, product));

    private static long Units(IEnumerable<RefundedLine> lines, Guid product) =>
        lines.Where(line => line.ProductId == product).Sum(line => (long)line.Quantity);

    private static long Money(IEnumerable<RefundedLine> lines, Guid product) =>
        lines.Where(line => line.ProductId == product).Sum(line => line.Amount);
}

/// <summary>Orders and refunds as Ordering and Payments tell of them, and an Ordering that answers for them.</summary>
internal sealed class Market(CatalogFixture shop) : HttpMessageHandler
{
    private readonly Dictionary<Guid, Sold> _orders = [];

    public static PopularityOptions Options { get; } = new() { CountBatch = 20 };

    /// <summary>What Ordering does when it is asked, if not answer.</summary>
    public Func<Exception>? Away { get; set; }

    public IReadOnlyCollection<Sold> Orders => _orders.Values;

    /// <summary>An order that was paid but that nobody has told Catalog of.</summary>
    public Sold Order(Guid user, DateTimeOffset paidAt, params (Guid Product, int Quantity, long Amount)[] lines)
    {
        var order = new Sold(
            Guid.CreateVersion7(), user, paidAt.ToUniversalTime().ToMicroseconds(),
            [.. lines.Select(line => new RefundedLine(line.Product, line.Quantity, line.Amount))]);
        lock (_orders) _orders.Add(order.Id, order);
        return order;
    }

    /// <summary>An order that is paid now, told and counted.</summary>
    public async Task<Sold> BuyAsync(Guid user, params (Guid Product, int Quantity, long Amount)[] lines)
    {
        var order = Order(user, TimeProvider.System.GetUtcNow(), lines);
        await PaidAsync(order);
        await CountAsync();
        return order;
    }

    public Task<Verdict> PaidAsync(Sold order) => HandleAsync(context => OnOrderPaid.Handle(
        new(order.Id, order.User, Guid.CreateVersion7(), order.PaidAt), context));

    public Task<Verdict> RefundAsync(Sold order, params (Guid Product, int Quantity, long Amount)[] lines)
    {
        var id = Guid.CreateVersion7();
        order.Refunds.Add((id, [.. lines.Select(line => new RefundedLine(line.Product, line.Quantity, line.Amount))]));
        return RefundedAsync(order, order.Refunds.Count - 1);
    }

    public Task<Verdict> RefundedAsync(Sold order, int refund) => HandleAsync(context => OnRefundCompleted.Handle(
        new(
            order.Refunds[refund].RefundId, Guid.CreateVersion7(), order.Id, 1, Whole: false, Restock: false,
            [.. order.Refunds[refund].Lines], order.PaidAt),
        context));

    /// <summary>Counts until nothing is due.</summary>
    public async Task CountAsync()
    {
        using var http = new HttpClient(this, disposeHandler: false) { BaseAddress = new("http://ordering") };
        while (await CountOrders.Handle(shop.Db, new PurchasesClient(http), Options, CancellationToken.None) > 0)
        {
        }
    }

    public async Task<RebuildPopularity.Corrected> RebuildAsync() =>
        (await RebuildPopularity.Handle(shop.Db, Options, CancellationToken.None))!;

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Assert.Equal("/internal/orders/paid-lines", request.RequestUri!.AbsolutePath);
        if (Away is { } away) throw away();

        var body = await request.Content!.ReadFromJsonAsync<JsonElement>(cancellationToken);
        lock (_orders)
        {
            var orders =
                from id in body.GetProperty("orderIds").EnumerateArray().Select(id => id.GetGuid())
                where _orders.ContainsKey(id)
                select new { orderId = id, userId = _orders[id].User, lines = _orders[id].Lines };
            return new(HttpStatusCode.OK) { Content = JsonContent.Create(new { orders }, options: ShopJson.Options) };
        }
    }

    private Task<Verdict> HandleAsync(Func<HandlerContext<CatalogDb>, Task<Verdict>> handle) => shop.Db.TransactAsync(
        tx =>
        {
            var envelope = new Envelope(
                Guid.CreateVersion7(), tx.Now, "order-events", "test", Guid.Empty, 1, tx.Now, null, null);
            return handle(new(tx, envelope, shop.Services, CancellationToken.None));
        },
        CancellationToken.None);
}
