using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Catalog.Products;
using Shop.Catalog.Samples;
using Shop.ServiceDefaults.Http;

namespace Shop.Tests.Catalog.Products;

public sealed class ProductsTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private static readonly IReadOnlyList<SampleProductsService.Sample> Samples = SampleProductsService.Read().Products;

    [Fact]
    public async Task The_samples_are_there_once_though_two_replicas_started_together()
    {
        Assert.Equal(100, Samples.Count);
        Assert.Equal((5, 10_000), (Samples.Min(p => p.Stock), Samples.Max(p => p.Stock)));
        Assert.Equal(5, Samples.Select(p => p.SellerId).Distinct().Count());

        var stored = await shop.QueryAsync<(Guid, long, long)>("""
            select s.product_id, s.on_hand, sum(m.quantity)::bigint
              from stock s join stock_movements m on m.product_id = s.product_id
             where m.reason = 'sample' group by s.product_id order by s.product_id
            """);
        Assert.Equal(Samples.OrderBy(p => p.Id).Select(p => (p.Id, (long)p.Stock, (long)p.Stock)), stored);
        await shop.AssertSumsAsync();
    }

    [Theory]
    [InlineData("newest")]
    [InlineData("price")]
    [InlineData("-price")]
    [InlineData("name")]
    public async Task Pages_in_every_order_show_each_product_once(string sort)
    {
        using var client = shop.Anonymous();
        var seen = new List<ProductView>();
        string? cursor = null;
        do
        {
            var page = await ListAsync(client, $"sort={sort}&limit=30&maxPrice=60000&seller={CatalogFixture.Seller1}"
                + (cursor is null ? "" : $"&cursor={cursor}"));
            seen.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        // Other tests put products of this seller into this database, priced 1 to 999; the samples start at 3,000.
        var expected = Samples.Where(p => p.SellerId == CatalogFixture.Seller1 && p.UnitPrice <= 60_000);
        expected = sort switch
        {
            "price" => expected.OrderBy(p => p.UnitPrice).ThenBy(p => p.Id),
            "-price" => expected.OrderByDescending(p => p.UnitPrice).ThenByDescending(p => p.Id),
            "name" => expected.OrderBy(p => p.Name, StringComparer.Ordinal),
            _ => expected.OrderByDescending(p => p.CreatedAt),
        };
        var samples = seen.Where(p => p.UnitPrice >= 3_000).Select(p => p.Id);
        if (sort == "name") Assert.Equal(expected.Select(p => p.Id).Order(), samples.Order());
        else Assert.Equal(expected.Select(p => p.Id), samples);
        Assert.Equal(seen.Count, seen.DistinctBy(p => p.Id).Count());
    }

    [Fact]
    public async Task Text_category_seller_and_price_narrow_the_list()
    {
        using var client = shop.Anonymous();

        var tents = await ListAsync(client, "query=tent%20two");
        var sleeping = await ListAsync(client, "query=sleep");
        var books = await ListAsync(client, "category=books&limit=100");
        var cheap = await ListAsync(client, "minPrice=3000&maxPrice=10000&limit=100&sort=price");

        var tent = Assert.Single(tents.Items);
        var sample = Samples.Single(p => p.Name == "Two-person tent");
        Assert.Equal(
            new(sample.Id, sample.SellerId, "outdoor", sample.Name, sample.Description, sample.UnitPrice, "KRW",
                ProductStatus.OnSale, sample.Stock, 1, sample.CreatedAt),
            tent);
        Assert.Equal("Down sleeping bag", Assert.Single(sleeping.Items).Name);
        Assert.Equal(Samples.Count(p => p.Category == "books"), books.Items.Count);
        Assert.Equal(Samples.Count(p => p.UnitPrice <= 10_000), cheap.Items.Count);
    }

    [Theory]
    [InlineData("Cable USB 3.0 hub", "usb 3.0")]
    [InlineData("Cable USB 3.1 hub", "3.1")]
    [InlineData("Course on Node.js 22", "js node")]
    [InlineData("Tape of AC/DC live", "ac/dc")]
    [InlineData("Tape of R.E.M.", "r.e.m.")]
    [InlineData("O'Neill's well-known surf e-bike", "o'neill bike known")]
    [InlineData("mail me@shop.example", "shop EXAMPLE")]
    [InlineData("한국어 책", "한국")]
    [InlineData("Tea \U00020BB7 house", "\U00020BB7")]
    [InlineData("Crème brûlée dish", "crème brû")]
    [InlineData("Fish\u3000and chips", "fish\u3000and\u00A0chips")]
    public async Task A_product_is_found_by_each_part_of_its_name_however_it_is_written(string name, string query)
    {
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        var body = new { name, category = "found", unitPrice = 1, status = "ON_SALE" };
        using var created = await seller.PostAsJsonAsync("/products", body);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var product = await created.Content.ReadFromJsonAsync<ProductView>(ShopJson.Options);

        var found = await ListAsync(seller, $"limit=100&category=found&query={Uri.EscapeDataString(query)}");

        Assert.Contains(product!.Id, found.Items.Select(item => item.Id));
        Assert.True(found.Items.Count <= 2, "others too");
    }

    [Fact]
    public async Task A_query_of_signs_beyond_ascii_finds_nothing_and_breaks_nothing()
    {
        using var client = shop.Anonymous();

        var none = await ListAsync(client, $"query={Uri.EscapeDataString("·\u180E\uFEFF")}");
        var tent = await ListAsync(client, $"query={Uri.EscapeDataString("– tent")}");

        Assert.Empty(none.Items);
        Assert.Equal("Two-person tent", Assert.Single(tent.Items).Name);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=101", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("sort=random", "sort")]
    [InlineData("minPrice=-1", "minPrice")]
    [InlineData("minPrice=9&maxPrice=8", "maxPrice")]
    [InlineData("seller=me", "seller")]
    [InlineData("cursor=zzz", "cursor")]
    [InlineData("cursor=!", "cursor")]
    [InlineData("query=%26%7C", "query")]
    [InlineData("category=%00", "category")]
    public async Task A_bad_filter_is_a_problem_that_names_it(string query, string field)
    {
        using var client = shop.Anonymous();
        using var response = await client.GetAsync($"/products?{query}");

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request", field), await ProblemAsync(response));
    }

    [Fact]
    public async Task A_cursor_is_bound_to_its_sort_order()
    {
        using var client = shop.Anonymous();
        var cursor = (await ListAsync(client, "sort=price&limit=1")).NextCursor;
        using var response = await client.GetAsync($"/products?sort=name&cursor={cursor}");

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request", "cursor"), await ProblemAsync(response));
    }

    [Fact]
    public async Task The_id_of_nobody_is_no_seller()
    {
        using var admin = shop.Admin();
        using var response = await admin.PostAsJsonAsync(
            "/products", new { name = "n", category = "c", unitPrice = 1, sellerId = Guid.Empty });
        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request", "sellerId"), await ProblemAsync(response));
    }

    [Fact]
    public async Task A_draft_is_seen_by_its_seller_and_admins_alone()
    {
        using var seller = shop.SellerClient(CatalogFixture.Seller2);
        using var rival = shop.SellerClient(CatalogFixture.Seller1);
        using var admin = shop.Admin();
        using var anonymous = shop.Anonymous();
        using var created = await seller.PostAsJsonAsync(
            "/products", new { name = " Drafted lamp ", category = "tests", unitPrice = 700, description = "Zweifel" });
        var draft = (await created.Content.ReadFromJsonAsync<ProductView>(ShopJson.Options))!;

        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal($"/products/{draft.Id}", created.Headers.Location!.ToString());
        Assert.Equal("\"1\"", created.Headers.ETag!.Tag);
        Assert.Equal(
            new(draft.Id, CatalogFixture.Seller2, "tests", "Drafted lamp", "Zweifel", 700, "KRW", ProductStatus.Draft,
                0, 1, draft.CreatedAt),
            draft);
        (HttpClient Client, bool Sees)[] all = [(seller, true), (admin, true), (rival, false), (anonymous, false)];
        foreach (var (client, sees) in all)
        {
            using var detail = await client.GetAsync($"/products/{draft.Id}");
            Assert.Equal(sees ? HttpStatusCode.OK : HttpStatusCode.NotFound, detail.StatusCode);
            Assert.Equal(sees ? 1 : 0, (await ListAsync(client, "query=zweifel")).Items.Count);
        }

        Assert.Equal(["ProductCreated.v1"], await EventsAsync(draft.Id));
    }

    [Theory]
    [InlineData("""{"category":"c","unitPrice":1}""", "name")]
    [InlineData("""{"name":"  ","category":"c","unitPrice":1}""", "name")]
    [InlineData("""{"name":"n","unitPrice":1}""", "category")]
    [InlineData("""{"name":"n","category":"c"}""", "unitPrice")]
    [InlineData("""{"name":"n","category":"c","unitPrice":0}""", "unitPrice")]
    [InlineData("""{"name":"n","category":"c","unitPrice":1000000000001}""", "unitPrice")]
    [InlineData("""{"name":"n","category":"c","unitPrice":1,"currency":"USD"}""", "currency")]
    [InlineData("""{"name":"n","category":"c","unitPrice":1,"status":"SUSPENDED"}""", "status")]
    [InlineData(
        """{"name":"n","category":"c","unitPrice":1,"sellerId":"00000000-0000-7000-8000-000000000002"}""", "sellerId")]
    public async Task A_bad_product_is_a_problem_that_names_the_field(string json, string field)
    {
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        using var body = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var response = await seller.PostAsync("/products", body);

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request", field), await ProblemAsync(response));
    }

    [Fact]
    public async Task Only_sellers_and_admins_create_and_an_admin_names_the_seller()
    {
        var body = new { name = "n", category = "tests", unitPrice = 1, sellerId = CatalogFixture.Seller1 };
        using var anonymous = shop.Anonymous();
        using var buyer = shop.Buyer();
        using var admin = shop.Admin();

        Assert.Equal(HttpStatusCode.Unauthorized, (await anonymous.PostAsJsonAsync("/products", body)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await buyer.PostAsJsonAsync("/products", body)).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await admin.PostAsJsonAsync("/products", body)).StatusCode);
    }

    [Fact]
    public async Task Of_two_changes_to_the_same_version_one_wins()
    {
        var id = await shop.ProductAsync(units: 3);
        using var seller = shop.SellerClient(CatalogFixture.Seller1);

        var answers = await Task.WhenAll(Enumerable.Range(1, 10).Select(
            i => PatchAsync(seller, id, "\"1\"", new { unitPrice = 2_000 + i })));

        Assert.Equal(
            [HttpStatusCode.OK, .. Enumerable.Repeat(HttpStatusCode.PreconditionFailed, 9)],
            answers.Select(answer => answer.StatusCode).Order());
        var winner = answers.Single(answer => answer.IsSuccessStatusCode);
        Assert.Equal("\"2\"", winner.Headers.ETag!.Tag);
        var product = (await winner.Content.ReadFromJsonAsync<ProductView>(ShopJson.Options))!;
        Assert.Equal((2, 3), (product.Version, product.Available));
        Assert.Equal(product, await seller.GetFromJsonAsync<ProductView>($"/products/{id}", ShopJson.Options));
        Assert.Equal(["ProductUpdated.v1"], await EventsAsync(id));
        foreach (var answer in answers) answer.Dispose();
    }

    [Fact]
    public async Task A_change_needs_the_version_that_was_seen_and_its_own_seller()
    {
        var id = await shop.ProductAsync(units: 0);
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        using var rival = shop.SellerClient(CatalogFixture.Seller2);
        var body = new { name = "Other" };

        Assert.Equal(HttpStatusCode.PreconditionRequired, (await PatchAsync(seller, id, null, body)).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await PatchAsync(seller, id, "\"2\"", body)).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await PatchAsync(seller, id, "W/\"1\"", body)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await PatchAsync(seller, id, "1", body)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await PatchAsync(rival, id, "\"1\"", body)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Conflict, (await PatchAsync(seller, id, "\"1\"", new { status = "DRAFT" })).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PatchAsync(seller, id, "\"7\", \"1\"", body)).StatusCode);
    }

    [Fact]
    public async Task Received_stock_has_its_movement_and_comes_from_its_own_seller()
    {
        var id = await shop.ProductAsync(units: 5);
        using var seller = shop.SellerClient(CatalogFixture.Seller1);
        using var rival = shop.SellerClient(CatalogFixture.Seller2);
        using var bad = await seller.PostAsJsonAsync($"/products/{id}/stock", new { quantity = 0, reason = "x" });
        using var foreign = await rival.PostAsJsonAsync($"/products/{id}/stock", new { quantity = 7, reason = "x" });
        using var received = await seller.PostAsJsonAsync($"/products/{id}/stock", new { quantity = 7, reason = "x" });

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:invalid-request", "quantity"), await ProblemAsync(bad));
        Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        Assert.Equal(HttpStatusCode.OK, received.StatusCode);
        Assert.Equal(
            [("RECEIVED", 5, "test"), ("RECEIVED", 7, "x")],
            await shop.QueryAsync<(string, long, string)>(
                "select kind, quantity, reason from stock_movements where product_id = @id order by id", new { id }));
        Assert.Equal(["StockReceived.v1"], await EventsAsync(id));
        await shop.AssertSumsAsync();
    }

    private static async Task<ListProducts.Response> ListAsync(HttpClient client, string query) =>
        (await client.GetFromJsonAsync<ListProducts.Response>($"/products?{query}", ShopJson.Options))!;

    private static async Task<HttpResponseMessage> PatchAsync<T>(HttpClient client, Guid id, string? ifMatch, T body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"/products/{id}")
        {
            Content = JsonContent.Create(body),
        };
        if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return await client.SendAsync(request);
    }

    private static async Task<(HttpStatusCode, string?, string)> ProblemAsync(HttpResponseMessage response)
    {
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        return (
            response.StatusCode, problem.GetProperty("type").GetString(),
            Assert.Single(problem.GetProperty("errors").EnumerateObject()).Name);
    }

    private async Task<IEnumerable<string>> EventsAsync(Guid key) =>
        await shop.QueryAsync<string>("select type from outbox where key = @key order by id", new { key });
}
