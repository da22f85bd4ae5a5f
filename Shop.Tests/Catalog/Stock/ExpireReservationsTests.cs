using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;

namespace Shop.Tests.Catalog.Stock;

/// <summary>The sweep over overdue holds against an Ordering that answers what the test says (race 1).</summary>
public sealed class ExpireReservationsTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private static readonly StockOptions Options = new()
    {
        SweepGraceSeconds = 1, SweepBatch = 10, SweepClaimSeconds = 60, AskAgainSeconds = 30,
    };

    [Fact]
    public async Task Each_overdue_hold_ends_as_ordering_says_and_a_kept_one_is_asked_about_later()
    {
        var product = await shop.ProductAsync(units: 100);
        var released = await OverdueAsync(product, 1);
        var committed = await OverdueAsync(product, 2);
        var kept = await OverdueAsync(product, 4);
        var soon = await OverdueAsync(product, 8);
        var live = await HoldAsync(product, 16);
        var until = TimeProvider.System.GetUtcNow().AddMinutes(10).ToMicroseconds();
        var ordering = new Ordering(order => order switch
        {
            _ when order == released => ("RELEASE", null),
            _ when order == committed => ("COMMIT", null),
            _ when order == kept => ("KEEP", until),
            _ => ("KEEP", null),
        });

        Assert.Equal(2, await SweepAsync(ordering));
        Assert.Equal(0, await SweepAsync(ordering));

        Assert.Equal(new[] { released, committed, kept, soon }.Order(), ordering.Asked.Order());
        Assert.Equal(
            [("EXPIRED", false), ("COMMITTED", false), ("HELD", true), ("HELD", false), ("HELD", false)],
            await Task.WhenAll(
                new[] { released, committed, kept, soon, live }.Select(order => StateAsync(order, until))));
        Assert.Equal((98, 28), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Replicas_that_sweep_at_once_ask_about_each_hold_once_and_end_it_once()
    {
        var product = await shop.ProductAsync(units: 1_000);
        var orders = new List<Guid>();
        for (var i = 0; i < 60; i++) orders.Add(await OverdueAsync(product, 1));
        var ordering = new Ordering(_ => ("RELEASE", null));

        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (await SweepAsync(ordering) > 0)
            {
            }
        }));

        Assert.Equal(orders.Order(), ordering.Asked.Where(orders.Contains).Order());
        Assert.Equal((1_000, 0), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task While_ordering_is_away_holds_stay_and_are_asked_about_again()
    {
        var product = await shop.ProductAsync(units: 10);
        var order = await OverdueAsync(product, 3);
        var away = new Ordering(_ => throw new HttpRequestException("away"));

        await Assert.ThrowsAsync<HttpRequestException>(() => SweepAsync(away));
        Assert.Equal((10, 3), await LevelAsync(product));
        await shop.ExecuteAsync("update reservations set ask_again_at = now() - interval '5 s' where order_id = @order",
            new { order });
        Assert.Equal(1, await SweepAsync(new Ordering(_ => ("RELEASE", null))));

        Assert.Equal((10, 0), await LevelAsync(product));
    }

    private async Task<int> SweepAsync(Ordering ordering)
    {
        using var http = new HttpClient(ordering, disposeHandler: false) { BaseAddress = new Uri("http://ordering") };
        return await ExpireReservations.Handle(shop.Db, new OrderingClient(http), Options, CancellationToken.None);
    }

    private async Task<Guid> OverdueAsync(Guid product, int quantity)
    {
        var order = await HoldAsync(product, quantity);
        await shop.ExecuteAsync(
            "update reservations set ask_again_at = now() - interval '5 s' where order_id = @order", new { order });
        return order;
    }

    private async Task<Guid> HoldAsync(Guid product, int quantity)
    {
        var order = Guid.CreateVersion7();
        var answer = await shop.Services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>()
            .RunAsync(
                new(new(order, Guid.CreateVersion7(), [new(product, quantity)], 60), null), CancellationToken.None);
        Assert.True(answer.Success);
        return order;
    }

    private async Task<(string Status, bool KeptUntil)> StateAsync(Guid order, DateTimeOffset until) =>
        (await shop.QueryAsync<(string, bool)>(
            "select status, ask_again_at = @until from reservations where order_id = @order", new { order, until }))
        .Single();

    private async Task<(long OnHand, long Reserved)> LevelAsync(Guid product) => (await shop.QueryAsync<(long, long)>(
        "select on_hand, reserved from stock where product_id = @product", new { product })).Single();

    private sealed class Ordering(Func<Guid, (string Verdict, DateTimeOffset? Until)> answer) : HttpMessageHandler
    {
        private readonly Lock _lock = new();

        public List<Guid> Asked { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("/internal/orders/hold-verdicts", request.RequestUri!.AbsolutePath);
            var body = await request.Content!.ReadFromJsonAsync<JsonElement>(cancellationToken);
            var orders = body.GetProperty("orderIds").EnumerateArray().Select(id => id.GetGuid()).ToArray();
            lock (_lock) Asked.AddRange(orders);
            var verdicts = orders.Select(id => (Id: id, Answer: answer(id)))
                .Select(a => new { orderId = a.Id, verdict = a.Answer.Verdict, until = a.Answer.Until });
            return new(HttpStatusCode.OK) { Content = JsonContent.Create(new { verdicts }, options: ShopJson.Options) };
        }
    }
}
