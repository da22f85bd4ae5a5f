using System.Net.Http.Json;
using System.Text.Json;
using static Shop.Tests.Ordering.OrderingApp;

namespace Shop.Tests.Ordering;

/// <summary>What cannot be ordered as it was asked: the answer names the field, and nothing is held.</summary>
public sealed class BadOrderTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private readonly Guid _user = Guid.CreateVersion7();

    public static TheoryData<string, string> BadBodies => new()
    {
        { """{}""", "lines" },
        { """{"lines":[]}""", "lines" },
        { """{"lines":[{"productId":"x","quantity":1}]}""", "lines[0].productId" },
        { """{"lines":[{"productId":"@","quantity":0}]}""", "lines[0].quantity" },
        { """{"lines":[{"productId":"@","quantity":-1}]}""", "lines[0].quantity" },
        { """{"lines":[{"productId":"@","quantity":1000000000}]}""", "lines[0].quantity" },
        { """{"lines":[{"productId":"@","quantity":1},{"productId":"@","quantity":1}]}""", "lines[1].productId" },
        { """{"lines":[null]}""", "lines[0].productId" },
        { """{"lines":[{"productId":"@","quantity":1}],"couponId":"x"}""", "couponId" },
        { """{"lines":[{"productId":"@","quantity":1}],"couponId":"@"}""", "couponId" },
        { """{"lines":[{"productId":"@","quantity":1}],"payment":{"method":"GOLD"}}""", "payment.method" },
        { """{"lines":[{"productId":"@","quantity":1}],"payment":{"method":"CARD"}}""", "payment.cardToken" },
        {
            """{"lines":[{"productId":"@","quantity":1}],"payment":{"method":"CARD","cardToken":"4111111111111111"}}""",
            "payment.cardToken"
        },
        {
            """{"lines":[{"productId":"@","quantity":1}],"payment":{"method":"CARD","cardToken":"tok_4111"""
            + """111111111111"}}""",
            "payment.cardToken"
        },
        {
            """{"lines":[{"productId":"@","quantity":1}],"payment":{"method":"CARD","cardToken":"tok_ok\n"}}""",
            "payment.cardToken"
        },
        { """{"lines":[{"productId":"@","quantity":1}],"shippingAddress":7}""", "shippingAddress" },
        { """{"lines":[{"productId":"@","quantity":1}],"shippingAddress":"a\ud800x"}""", "shippingAddress" },
        { """{"lines":[{"productId":"@","quantity":1}],"shippingAddress":{"a":"\ud800"}}""", "shippingAddress" },
        { """{"productId":"@","quantity":1,"paymentMethod":"CASH"}""", "paymentMethod" },
        { """{"productId":"@","paymentMethod":"CARD"}""", "quantity" },
        { """{"lines":[{"productId":"@","quantity":1}],"productId":"@","quantity":1}""", "lines" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task A_bad_request_names_the_field_and_holds_nothing(string body, string field)
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);
        using var content = new StringContent(
            body.Replace("@", product.Id.ToString(), StringComparison.Ordinal), null, "application/json");

        var answer = await client.PostAsync("/orders", content);

        Assert.Equal(400, (int)answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(JsonDocument.Parse(text).RootElement.GetProperty("errors").TryGetProperty(field, out _), text);
        Assert.DoesNotContain("4111", text, StringComparison.Ordinal);
        Assert.Equal(10, app.Shop.Left(product));
    }

    [Fact]
    public async Task A_thousand_lines_are_refused()
    {
        using var client = app.Buyer(_user);
        var lines = Enumerable.Range(0, 1_000).Select(_ => new { productId = Guid.CreateVersion7(), quantity = 1 });

        var answer = await client.PostAsJsonAsync("/orders", new { lines });

        Assert.Equal(400, (int)answer.StatusCode);
    }

    [Fact]
    public async Task An_unknown_product_is_404_with_its_line()
    {
        using var client = app.Buyer(_user);
        var missing = new FakeShop.Product(Guid.CreateVersion7(), default, "", 1, 1);

        var answer = await client.SendAsync(Post("/orders", Lines(app.Shop.Stock(1), missing)));

        Assert.Equal(404, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:product-unknown", problem.GetProperty("type").GetString());
        Assert.True(problem.GetProperty("errors").TryGetProperty("lines[1].productId", out _));
    }

    [Fact]
    public async Task The_short_form_hears_of_its_own_field()
    {
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", new { productId = Guid.CreateVersion7(), quantity = 1 }));

        Assert.Equal(404, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(["productId"], problem.GetProperty("errors").EnumerateObject().Select(field => field.Name));
    }
}
