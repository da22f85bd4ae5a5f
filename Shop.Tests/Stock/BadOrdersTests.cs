using System.Net;
using System.Text;
using System.Text.Json;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock;

/// <summary>
/// What is wrong with an order is said by naming the field, and nothing is held for it. In the bodies <c>GOOD</c> is a
/// product with 5 units, <c>DRAFT</c> one that is not on sale, <c>NONE</c> an id that no product has.
/// </summary>
[Collection(StockShopCollection.Name)]
public sealed class BadOrdersTests(StockShop shop)
{
    private const string Good = """{"productId":"GOOD","quantity":1}""";

    public static TheoryData<string, int, string, string> Bodies => new()
    {
        { Lines("""{"productId":"NONE","quantity":1}"""), 404, "product-unknown", "lines[0].productId" },
        { Lines(Good, """{"productId":"NONE","quantity":1}"""), 404, "product-unknown", "lines[1].productId" },
        { Lines("""{"productId":"DRAFT","quantity":1}"""), 409, "product-not-on-sale", "lines[0].productId" },
        { Lines(Good, """{"productId":"DRAFT","quantity":1}"""), 409, "product-not-on-sale", "lines[1].productId" },
        { Quantity("0"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("-1"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("1000000000"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("99999999999999999999"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("1.5"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("\"two\""), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("null"), 400, "invalid-request", "lines[0].quantity" },
        { Quantity("true"), 400, "invalid-request", "lines[0].quantity" },
        { Lines(Good, """{"productId":"GOOD","quantity":2}"""), 400, "invalid-request", "lines[1].productId" },
        { Lines("""{"productId":"not-an-id","quantity":1}"""), 400, "invalid-request", "lines[0].productId" },
        { Lines("""{"productId":7,"quantity":1}"""), 400, "invalid-request", "lines[0].productId" },
        { Lines("""{"quantity":1}"""), 400, "invalid-request", "lines[0].productId" },
        { Lines("null"), 400, "invalid-request", "lines[0].productId" },
        { Lines(), 400, "invalid-request", "lines" },
        { """{"lines":5}""", 400, "invalid-request", "lines" },
        { """{"lines":null}""", 400, "invalid-request", "lines" },
        { "{}", 400, "invalid-request", "lines" },
        { ThousandLines(), 400, "invalid-request", "lines" },
        { """{"lines":[{"productId":"GOOD","quantity":1}""", 400, "invalid-request", "lines[1]" },
        { "not json", 400, "invalid-request", "body" },
        { "", 400, "invalid-request", "body" },
        { "null", 400, "invalid-request", "body" },
        { "[]", 400, "invalid-request", "body" },
        { """{"productId":"not-an-id","quantity":1,"paymentMethod":"CARD"}""", 400, "invalid-request", "productId" },
        { """{"productId":"GOOD","quantity":0,"paymentMethod":"CARD"}""", 400, "invalid-request", "quantity" },
        { """{"productId":"GOOD","quantity":1,"paymentMethod":"GOLD"}""", 400, "invalid-request", "paymentMethod" },
        {
            """{"lines":[{"productId":"GOOD","quantity":1}],"payment":{"method":"GOLD","cardToken":"tok_ok"}}""",
            400, "invalid-request", "payment.method"
        },
        {
            """{"lines":[{"productId":"GOOD","quantity":1}],"payment":{"method":"CARD"}}""",
            400, "invalid-request", "payment.cardToken"
        },
        {
            """{"lines":[{"productId":"GOOD","quantity":1}],"couponId":"five percent"}""",
            400, "invalid-request", "couponId"
        },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_order_names_its_field_and_holds_nothing(string body, int status, string slug, string field)
    {
        var shelves = await ProductsAsync();
        var buyer = await shop.NewBuyerAsync();
        var before = await CountsAsync();

        var refused = await SendAsync(buyer, shelves.Fill(body));

        Assert.True((int)refused.Status == status, refused.ToString());
        Assert.Equal("application/problem+json", refused.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(slug, refused.Problem);
        Assert.True(refused.Body.GetProperty("errors").TryGetProperty(field, out var messages), refused.ToString());
        Assert.NotEqual("", messages[0].GetString());
        Assert.Equal(before, await CountsAsync());
        Assert.Equal(new Shelf(5, 0, 5, 0, 0, 0), await shop.ShelfAsync(shelves.Good));
        Assert.Equal(new Shelf(5, 0, 5, 0, 0, 0), await shop.ShelfAsync(shelves.Draft));
    }

    [Fact]
    public async Task One_short_line_of_two_holds_neither()
    {
        var seller = await shop.SellerAsync();
        var (plenty, scarce) = (await seller.NewProductAsync(units: 9), await seller.NewProductAsync(units: 2));
        var buyer = await shop.NewBuyerAsync();
        var before = await CountsAsync();

        var refused = await buyer.Ordering.PostAsync(
            "/orders", Shelves.OrderOf(card: null, (plenty, 1), (scarce, 3)), NewKey());

        Assert.Equal((HttpStatusCode.Conflict, "out-of-stock"), (refused.Status, refused.Problem));
        Assert.Equal(scarce, refused.Body.GetProperty("productId").GetGuid());
        Assert.Equal(2, refused.Number("remainingStock"));
        Assert.Equal(before, await CountsAsync());
        Assert.Equal(new Shelf(9, 0, 9, 0, 0, 0), await shop.ShelfAsync(plenty));
    }

    [Fact]
    public async Task A_body_that_is_no_JSON_by_its_type_is_refused()
    {
        var buyer = await shop.NewBuyerAsync();
        var before = await CountsAsync();

        var refused = await SendAsync(buyer, "lines=1", "text/plain");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.Status);
        Assert.StartsWith("urn:shop:", refused.Text("type"), StringComparison.Ordinal);
        Assert.Equal(before, await CountsAsync());
    }

    [Theory]
    [InlineData("/orders/not-an-id")]
    [InlineData("/orders/not-an-id/timeline")]
    [InlineData("/orders/00000000-0000-0000-0000-000000000000")]
    [InlineData("/orders/123e4567-e89b-12d3-a456-426614174000/timeline")]
    public async Task An_order_by_a_bad_or_unknown_id_is_not_found(string path)
    {
        var answer = await (await shop.NewBuyerAsync()).Ordering.AskAsync(path);

        Assert.Equal((HttpStatusCode.NotFound, "not-found"), (answer.Status, answer.Problem));
    }

    private static string Lines(params string[] lines) => $$"""{"lines":[{{string.Join(',', lines)}}]}""";

    private static string Quantity(string quantity) => Lines($$"""{"productId":"GOOD","quantity":{{quantity}}}""");

    private static string ThousandLines() => Lines([.. Enumerable.Range(1, 1_000).Select(
        i => $$"""{"productId":"{{i:x8}}-0000-7000-8000-000000000000","quantity":1}""")]);

    private async Task<Products> ProductsAsync()
    {
        var seller = await shop.SellerAsync();
        return new(await seller.NewProductAsync(units: 5), await seller.NewProductAsync(units: 5, status: "DRAFT"));
    }

    private async Task<(long Reservations, long Orders)> CountsAsync() => (
        await shop.ScalarAsync<long>("catalogdb", "select count(*) from reservations"),
        await shop.ScalarAsync<long>("orderingdb", "select count(*) from orders"));

    private static async Task<Answer> SendAsync(ShopUser buyer, string body, string type = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders")
        {
            Content = new StringContent(body, Encoding.UTF8, type),
        };
        request.Headers.Add("Idempotency-Key", NewKey());
        var response = await buyer.Ordering.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new(response.StatusCode, JsonDocument.Parse(text).RootElement, response);
    }

    private sealed record Products(Guid Good, Guid Draft)
    {
        public string Fill(string body) => body
            .Replace("GOOD", Good.ToString(), StringComparison.Ordinal)
            .Replace("DRAFT", Draft.ToString(), StringComparison.Ordinal)
            .Replace("NONE", Guid.CreateVersion7().ToString(), StringComparison.Ordinal);
    }
}
