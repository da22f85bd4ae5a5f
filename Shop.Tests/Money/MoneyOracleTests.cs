using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Shop.Payments.Orders;
using Shop.Tests.Payments;
using Xunit.Abstractions;
using Buyer = Shop.Tests.Payments.Purchase;

namespace Shop.Tests.Money;

/// <summary>
/// Random purchases, declines, refunds, cancels and late captures: ledger, processor, points and settlement say what an
/// oracle computed from the requests alone, to the unit.
/// </summary>
public sealed class MoneyOracleTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly Guid[] Sellers = [.. Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7())];
    private static readonly string[] Categories = ["books", "games", "toys"];
    private static readonly string[] Sums = ["lines", "orders", "gross", "discount", "refunds", "fee", "net"];

    private readonly PaymentsApp _app = new();
    private readonly MoneyOracle _oracle = new();
    private Random _random = new(0);
    private DateOnly _today;

    public async Task InitializeAsync()
    {
        await _app.InitializeAsync();
        _today = _app.MoveToNoon();
    }

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public Task The_books_are_the_oracles_after_200_purchases() => BuyAsync(200);

    [Trait("Category", "Long")]
    [Theory]
    [InlineData(1_000)]
    [InlineData(10_000)]
    public Task The_books_are_the_oracles_after_many_purchases(int purchases) => BuyAsync(purchases);

    private async Task BuyAsync(int purchases)
    {
        var seed = Environment.TickCount;
        output.WriteLine($"Seed {seed}");
        _random = new(seed);
        for (var i = 0; i < purchases; i++) await LiveAsync();

        await AssertProcessorAsync();
        await AssertLedgerAsync();
        await AssertSettlementAsync("OPEN");
        await _app.CloseAsync(_today);
        await AssertSettlementAsync("CLOSED");
        await MoneyRules.HoldAsync(_app, MoneyRules.All, isEmptyRed: true);
        await Wallet.AssertBooksHoldAsync(_app);
    }

    /// <summary>One buyer: perhaps points, an order, tries to pay it, and what comes back of it.</summary>
    private async Task LiveAsync()
    {
        var lines = Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Line()).ToArray();
        var buyer = Buyer.Of(_app, lines);
        var points = _random.Next(3) == 0 ? _random.Next(1, 2_000) : 0;
        if (points > 0)
        {
            _oracle.ToppedUp(await new Wallet(_app, buyer.User).ChargedAsync(points), buyer.User, points);
        }

        if (_random.Next(4) == 0) await FailAsync(buyer);
        if (await PayAsync(buyer, points) is not var (payment, order)) return;

        for (var refunds = _random.Next(4); refunds > 0; refunds--) await RefundAsync(buyer, payment, order);
    }

    private async Task FailAsync(Buyer buyer)
    {
        var late = _random.Next(2) == 0;
        var id = await buyer.PaidAsync(late ? "tok_refused" : "tok_declined", key: "failing");
        Assert.Equal("FAILED", await _app.StatusAsync(id));
        if (!late) return;

        await _app.CaptureLateAsync(id, buyer.Order.Amount);
        await _app.DeliverAsync();
        _oracle.CapturedLate(id, buyer.Order.Amount);
    }

    private async Task<(Guid Payment, OracleOrder Order)?> PayAsync(Buyer buyer, long wallet)
    {
        var total = buyer.Order.Amount;
        var method = wallet == 0 ? "CARD" : total == 1 || _random.Next(2) == 0 ? "POINTS" : "SPLIT";
        var points = method switch
        {
            "SPLIT" => _random.NextInt64(1, total),
            "POINTS" => total,
            _ => 0,
        };
        var answer = await buyer.PayAsync(
            method == "POINTS" ? null : "tok_ok", "paying", method, points: method == "SPLIT" ? points : null);
        if (points > wallet)
        {
            Assert.Equal(HttpStatusCode.PaymentRequired, answer.Status);
            return null;
        }

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        await _app.DeliverAsync();
        return (answer.PaymentId, _oracle.Captured(answer.PaymentId, buyer.User, buyer.Order.Lines, points));
    }

    private async Task RefundAsync(Buyer buyer, Guid payment, OracleOrder order)
    {
        var line = order.Lines[_random.Next(order.Lines.Length)];
        var units = _random.Next(1, line.Quantity + 1);
        var amount = _random.NextInt64(1, order.Left + 50);
        var (body, granted) = _random.Next(5) switch
        {
            0 => (null, order.RefundRest()),
            1 => (new { reason = "all of it", restock = true }, order.RefundRest()),
            2 => ((object?)new { amount, reason = "some of it" }, order.RefundAmount(amount)),
            _ => (new { lines = new[] { new { productId = line.Product, quantity = units } }, reason = "a few" },
                  order.RefundUnits(line, units)),
        };
        if (body is null)
        {
            await _app.RefundRestAsync(buyer, payment);
            return;
        }

        var key = Guid.CreateVersion7().ToString();
        var answer = await _app.RefundAsync(buyer.User, payment, body, key);
        Assert.Equal(granted ? HttpStatusCode.Accepted : HttpStatusCode.Conflict, answer.Status);
        if (granted && _random.Next(4) == 0)
        {
            Assert.True((await _app.RefundAsync(buyer.User, payment, body, key)).Replayed);
        }

        await _app.DeliverAsync();
    }

    private OrderedLine Line() => new(
        Guid.CreateVersion7(), Sellers[_random.Next(Sellers.Length)], Categories[_random.Next(Categories.Length)],
        _random.Next(1, 6), _random.NextInt64(1, 1_500), _random.Next(2) * _random.NextInt64(1, 300));

    private async Task AssertProcessorAsync()
    {
        await using var connection = await _app.Database.Source.OpenConnectionAsync();
        foreach (var id in await connection.QueryAsync<Guid>("select id from payments"))
        {
            Assert.Equal(
                _oracle.Cards.GetValueOrDefault(id), (_app.Processor.CapturedUnder(id), _app.Processor.RefundedOf(id)));
        }
    }

    private async Task AssertLedgerAsync()
    {
        await using var connection = await _app.Database.Source.OpenConnectionAsync();
        var balances = await connection.QueryAsync<(string Account, long Balance)>(
            "select account, sum(amount)::bigint from ledger_entries group by account having sum(amount) <> 0");
        Assert.Equal(
            _oracle.Ledger.OrderBy(account => account.Key, StringComparer.Ordinal)
                .Select(account => $"{account.Key} {account.Value}"),
            balances.OrderBy(account => account.Account, StringComparer.Ordinal)
                .Select(account => $"{account.Account} {account.Balance}"));
    }

    private async Task AssertSettlementAsync(string status)
    {
        using var client = _app.ClientOf(Guid.CreateVersion7(), admin: true);
        var page = await client.GetFromJsonAsync<JsonElement>($"/settlements/daily?date={_today:O}");
        var told = page.GetProperty("items").EnumerateArray().ToDictionary(
            item => (item.GetProperty("sellerId").GetGuid(), item.GetProperty("category").GetString()!),
            item => string.Join(' ', Sums.Select(sum => item.GetProperty(sum).GetInt64())));
        Assert.All(
            page.GetProperty("items").EnumerateArray(),
            item => Assert.Equal(status, item.GetProperty("status").GetString()));
        Assert.Equal(
            _oracle.Settled.Select(one => $"{one.Key} {one.Value}").Order(),
            told.Select(one => $"{one.Key} {one.Value}").Order());
    }
}
