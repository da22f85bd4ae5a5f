using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Payments.Orders;

namespace Shop.Tests.Payments;

/// <summary>What sellers and admins are told about settlement. One app per test, since days close in order.</summary>
public sealed class SettlementEndpointsTests : IAsyncLifetime
{
    private static readonly string[] Sums = ["gross", "discount", "fee", "net"];

    private readonly PaymentsApp _app = new();
    private readonly Guid _seller = Guid.CreateVersion7();
    private readonly Guid _rival = Guid.CreateVersion7();
    private DateOnly _today;

    public async Task InitializeAsync()
    {
        await _app.InitializeAsync();
        _today = _app.MoveToNoon();
    }

    public Task DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task An_open_day_shows_its_running_sums_and_its_close_keeps_them_under_the_same_id()
    {
        await SellAsync();
        var open = await ItemsAsync(Admin(), $"/settlements/daily?date={_today:O}");
        await _app.CloseAsync(_today);
        var closed = await ItemsAsync(Admin(), $"/settlements/daily?date={_today:O}");

        Assert.Equal(3, open.Count);
        Assert.Equal(
            open.Select(one => one.ToString().Replace("OPEN", "CLOSED", StringComparison.Ordinal)),
            closed.Select(one => one.ToString()));
        var books = Of(open, _seller, "books");
        Assert.Equal(
            $$"""
            {"id":"{{books.GetProperty("id").GetGuid()}}","date":"{{_today:O}}","sellerId":"{{_seller}}",
            "category":"books","status":"OPEN","lines":3,"orders":2,"gross":800,"discount":100,"refunds":700,"fee":21,
            "net":679,"currency":"KRW"}
            """.ReplaceLineEndings(""),
            books.ToString());
    }

    [Fact]
    public async Task Every_total_is_the_sum_of_its_lines_page_by_page()
    {
        await SellAsync();
        var totals = await ItemsAsync(Admin(), $"/settlements/daily?date={_today:O}&limit=1");
        await _app.CloseAsync(_today);

        Assert.Equal(3, totals.Count);
        foreach (var total in totals)
        {
            var lines = await ItemsAsync(Admin(), $"/settlements/{total.GetProperty("id").GetGuid()}/lines?limit=1");
            Assert.Equal(total.GetProperty("lines").GetInt64(), lines.Count);
            foreach (var sum in Sums)
            {
                Assert.Equal(total.GetProperty(sum).GetInt64(), lines.Sum(line => line.GetProperty(sum).GetInt64()));
            }

            Assert.Equal(
                total.GetProperty("refunds").GetInt64(),
                lines.Where(line => line.GetProperty("kind").GetString() == "REFUND").Sum(
                    line => line.GetProperty("discount").GetInt64() - line.GetProperty("gross").GetInt64()));
        }
    }

    [Fact]
    public async Task A_month_is_the_sum_of_its_closed_days_and_names_their_statements()
    {
        await SellAsync();
        await _app.CloseAsync(_today);
        _app.Clock.Advance(TimeSpan.FromDays(1));
        await SellAsync();
        var month = $"{_today:yyyy-MM}";
        var first = Of(await ItemsAsync(Admin(), $"/settlements/monthly?month={month}"), _seller, "books");
        await _app.CloseAsync(new DateOnly(_today.Year, _today.Month, 1).AddMonths(1).AddDays(-1));
        await _app.CloseAsync(_today.AddDays(1));
        var last = Of(await ItemsAsync(Admin(), $"/settlements/monthly?month={month}"), _seller, "books");

        Assert.Equal("CLOSED", last.GetProperty("status").GetString());
        Assert.Equal(679, first.GetProperty("net").GetInt64());
        var days = last.GetProperty("days").EnumerateArray().ToList();
        Assert.Equal(last.GetProperty("net").GetInt64(), days.Sum(day => day.GetProperty("net").GetInt64()));
        foreach (var day in days)
        {
            var statement = Of(
                await ItemsAsync(Admin(), $"/settlements/daily?date={day.GetProperty("date").GetString()}"),
                _seller, "books");
            Assert.Equal(day.GetProperty("id").GetGuid(), statement.GetProperty("id").GetGuid());
            Assert.Equal(day.GetProperty("net").GetInt64(), statement.GetProperty("net").GetInt64());
        }
    }

    [Fact]
    public async Task A_seller_sees_its_own_whatever_it_asks_for()
    {
        await SellAsync();
        var rivals = Of(await ItemsAsync(Admin(), "/settlements/daily"), _rival, "toys").GetProperty("id").GetGuid();
        await _app.CloseAsync(_today);

        using var client = _app.SellerClient(_seller);
        Assert.Equal(
            [_seller, _seller], (await ItemsAsync(client, $"/settlements/daily?date={_today:O}")).Select(SellerOf));
        Assert.Equal(
            [_seller, _seller],
            (await ItemsAsync(client, $"/settlements/monthly?month={_today:yyyy-MM}")).Select(SellerOf));
        Assert.Empty(await ItemsAsync(client, $"/settlements/daily?date={_today:O}&seller={_rival}"));
        var games = Assert.Single(await ItemsAsync(client, $"/settlements/daily?date={_today:O}&category=games"));
        Assert.Equal("games", games.GetProperty("category").GetString());
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(client, $"/settlements/{rivals}/lines"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Admin(), $"/settlements/{rivals}/lines"));
    }

    [Theory]
    [InlineData("/settlements/daily")]
    [InlineData("/settlements/monthly")]
    [InlineData("/settlements/00000000-0000-0000-0000-000000000001/lines")]
    public async Task Customers_and_strangers_are_turned_away(string path)
    {
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(_app.ClientOf(Guid.CreateVersion7()), path));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(_app.Client(null), path));
    }

    [Theory]
    [InlineData("/settlements/daily?date=2026-02-30")]
    [InlineData("/settlements/daily?limit=0")]
    [InlineData("/settlements/daily?cursor=x")]
    [InlineData("/settlements/daily?cursor=!")]
    [InlineData("/settlements/monthly?month=2026-13")]
    [InlineData("/settlements/monthly?limit=101")]
    [InlineData("/settlements/monthly?cursor=MXwyfDM")]
    [InlineData("/settlements/00000000-0000-0000-0000-000000000001/lines?cursor=x")]
    public async Task What_makes_no_sense_is_400(string path) =>
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(Admin(), path));

    /// <summary>Books for 700 and 800 less 100, games for 50, toys of a rival for 400; the first go back.</summary>
    private async Task SellAsync()
    {
        var first = Purchase.Of(_app, Line(_seller, "books", 700));
        await _app.RefundRestAsync(first, await first.PaidAsync());
        await Purchase.Of(
            _app, Line(_seller, "books", 700) with { Discount = 100 }, Line(_seller, "games", 50),
            Line(_rival, "toys", 400)).PaidAsync();
        var third = Purchase.Of(_app, Line(_seller, "books", 700));
        await third.PayAsync("tok_declined");
        await _app.DeliverAsync();
    }

    private static OrderedLine Line(Guid seller, string category, long amount) =>
        new(Guid.CreateVersion7(), seller, category, 1, amount);

    private HttpClient Admin() => _app.ClientOf(Guid.CreateVersion7(), admin: true);

    private static async Task<List<JsonElement>> ItemsAsync(HttpClient client, string path)
    {
        var items = new List<JsonElement>();
        for (string? cursor = ""; cursor is not null;)
        {
            var separator = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            var page = await client.GetFromJsonAsync<JsonElement>(
                cursor.Length == 0 ? path : $"{path}{separator}cursor={cursor}");
            items.AddRange(page.GetProperty("items").EnumerateArray());
            cursor = page.GetProperty("nextCursor").GetString();
        }

        return items;
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.StatusCode;
    }

    private static JsonElement Of(IEnumerable<JsonElement> items, Guid seller, string category) => items.Single(
        item => SellerOf(item) == seller && item.GetProperty("category").GetString() == category);

    private static Guid SellerOf(JsonElement item) => item.GetProperty("sellerId").GetGuid();
}
