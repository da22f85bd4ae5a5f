using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Tests.Purchase;

namespace Shop.Tests.Ordering.Coupons;

public sealed class CreateCouponTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task A_coupon_is_shown_as_it_was_created()
    {
        var product = Guid.CreateVersion7();
        var body = new
        {
            code = CouponDesk.NewCode(), discount = new { type = "PERCENT", percent = 15, cap = 5_000 },
            minimumOrder = 10_000, products = new[] { product }, categories = new[] { "books" }, totalQuantity = 7,
            validFrom = "2026-01-01T00:00:00Z", validUntil = "2036-01-01T00:00:00Z",
        };
        using var admin = app.Admin();
        var created = await admin.PostAsync("/coupons", body);

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal($"/coupons/{created.Id}", created.Response.Headers.Location?.ToString());
        var expected = JsonSerializer.SerializeToElement(body);
        foreach (var field in expected.EnumerateObject())
        {
            Assert.Equal(field.Value.ToString(), created.Body.GetProperty(field.Name).ToString());
        }

        Assert.Equal((0, "KRW"), (created.Number("issued"), created.Text("currency")));
        using var buyer = app.Buyer(Guid.CreateVersion7());
        var shown = await buyer.AskAsync($"/coupons/{created.Id}");
        Assert.Equal((HttpStatusCode.OK, created.Body.ToString()), (shown.Status, shown.Body.ToString()));
        Assert.Equal(HttpStatusCode.NotFound, (await buyer.AskAsync($"/coupons/{product}")).Status);
    }

    [Fact]
    public async Task A_code_is_taken_once_however_it_is_written()
    {
        var code = CouponDesk.NewCode();
        using var admin = app.Admin();
        object Body(string text) => new { code = text, discount = CouponDesk.Amount(1), totalQuantity = 1 };

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            admin.PostAsync("/coupons", Body(i % 2 == 0 ? code : code.ToLowerInvariant()))));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
        Assert.Equal(7, answers.Count(answer =>
            answer.Status == HttpStatusCode.Conflict && answer.Problem == "coupon-code-taken"));
    }

    [Fact]
    public async Task Only_admins_create_coupons_and_nobody_claims_unknown()
    {
        using var buyer = app.Buyer(Guid.CreateVersion7());
        var refused = await buyer.PostAsync(
            "/coupons", new { code = "MINE", discount = CouponDesk.Amount(1), totalQuantity = 1 });
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);

        using var nobody = new HttpClient { BaseAddress = buyer.BaseAddress };
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/coupons")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/coupons/me")).StatusCode);
    }

    [Fact]
    public async Task Lists_come_page_by_page_the_newest_first()
    {
        var user = Guid.CreateVersion7();
        var coupons = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            coupons.Insert(0, await app.CouponAsync());
            // With a key: such an id says nothing about time.
            await app.ClaimAsync(coupons[0], user, $"list-{i}");
        }

        using var buyer = app.Buyer(user);
        foreach (var (path, id) in new[] { ("/coupons", "id"), ("/coupons/me", "couponId") })
        {
            var first = await buyer.GetFromJsonAsync<JsonElement>($"{path}?limit=3");
            var cursor = first.GetProperty("nextCursor").GetString();
            var second = await buyer.GetFromJsonAsync<JsonElement>($"{path}?limit=2&cursor={cursor}");
            Assert.Equal(coupons, Ids(first, id).Concat(Ids(second, id)));
            Assert.Equal(400, (int)(await buyer.GetAsync($"{path}?limit=0")).StatusCode);
            Assert.Equal(400, (int)(await buyer.GetAsync($"{path}?cursor=x")).StatusCode);
        }

        var all = await buyer.GetFromJsonAsync<JsonElement>("/coupons/me?limit=5");
        Assert.Equal(JsonValueKind.Null, all.GetProperty("nextCursor").ValueKind);

        static IEnumerable<Guid> Ids(JsonElement page, string field) =>
            page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty(field).GetGuid());
    }

    public static TheoryData<string, string> BadBodies => new()
    {
        { "\"code\":\"\"", "code" },
        { "\"code\":null", "code" },
        { "\"code\":\"a b\"", "code" },
        { "\"code\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "code" },
        { "\"discount\":null", "discount" },
        { "\"discount\":{}", "discount.type" },
        { "\"discount\":{\"type\":\"FREE\",\"amount\":1}", "discount.type" },
        { "\"discount\":{\"type\":\"AMOUNT\"}", "discount.amount" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":0}", "discount.amount" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":-5}", "discount.amount" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":1000000000001}", "discount.amount" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":1.5}", "discount.amount" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":5,\"cap\":5}", "discount.cap" },
        { "\"discount\":{\"type\":\"AMOUNT\",\"amount\":5,\"percent\":5}", "discount.percent" },
        { "\"discount\":{\"type\":\"PERCENT\"}", "discount.percent" },
        { "\"discount\":{\"type\":\"PERCENT\",\"percent\":0}", "discount.percent" },
        { "\"discount\":{\"type\":\"PERCENT\",\"percent\":101}", "discount.percent" },
        { "\"discount\":{\"type\":\"PERCENT\",\"percent\":-1}", "discount.percent" },
        { "\"discount\":{\"type\":\"PERCENT\",\"percent\":10,\"amount\":5}", "discount.amount" },
        { "\"discount\":{\"type\":\"PERCENT\",\"percent\":10,\"cap\":0}", "discount.cap" },
        { "\"minimumOrder\":-1", "minimumOrder" },
        { "\"products\":[]", "products" },
        { "\"products\":[\"x\"]", "products[0]" },
        { "\"products\":[null]", "products[0]" },
        { "\"categories\":[]", "categories" },
        { "\"categories\":[\"\"]", "categories[0]" },
        { "\"categories\":[\"\\u0000\"]", "categories[0]" },
        { "\"totalQuantity\":0", "totalQuantity" },
        { "\"totalQuantity\":null", "totalQuantity" },
        { "\"totalQuantity\":-3", "totalQuantity" },
        { "\"totalQuantity\":10000001", "totalQuantity" },
        { "\"validFrom\":\"soon\"", "validFrom" },
        { "\"validUntil\":\"2020-01-01T00:00:00Z\"", "validUntil" },
        { "\"validFrom\":\"2030-01-02T00:00:00Z\",\"validUntil\":\"2030-01-01T00:00:00Z\"", "validUntil" },
        { "\"validFrom\":\"2030-01-02T00:00:00Z\",\"validUntil\":\"2030-01-02T00:00:00Z\"", "validUntil" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task A_bad_coupon_is_refused_and_its_field_named(string changed, string field)
    {
        var body = JsonSerializer.SerializeToNode(
            new { code = CouponDesk.NewCode(), discount = CouponDesk.Amount(1), totalQuantity = 1 })!.AsObject();
        foreach (var (name, value) in JsonDocument.Parse($"{{{changed}}}").RootElement.EnumerateObject()
            .ToDictionary(property => property.Name, property => property.Value))
        {
            body[name] = System.Text.Json.Nodes.JsonNode.Parse(value.GetRawText());
        }

        using var admin = app.Admin();
        var refused = await admin.PostAsync("/coupons", body);

        Assert.Equal((HttpStatusCode.BadRequest, "invalid-request"), (refused.Status, refused.Problem));
        Assert.True(refused.Body.GetProperty("errors").TryGetProperty(field, out _), refused.ToString());
    }
}
