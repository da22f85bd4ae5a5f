using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Idempotency;
using static Shop.Tests.Ordering.OrderingApp;

namespace Shop.Tests.Ordering;

public sealed class PlaceOrderTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private readonly Guid _user = Guid.CreateVersion7();

    [Fact]
    public async Task An_order_freezes_names_and_prices_and_announces_itself()
    {
        var (book, pen) = (app.Shop.Stock(5, 12_000, "Book \"one\""), app.Shop.Stock(9, 700, "펜"));
        using var client = app.Buyer(_user);

        var answer = await client.PostAsJsonAsync("/orders", new
        {
            lines = new[] { new { productId = book.Id, quantity = 2 }, new { productId = pen.Id, quantity = 3 } },
            shippingAddress = new { recipient = "A", street = "B" },
        });

        Assert.Equal(201, (int)answer.StatusCode);
        var order = await answer.Content.ReadFromJsonAsync<JsonElement>();
        var id = order.GetProperty("id").GetGuid();
        Assert.Equal($"/orders/{id}", answer.Headers.Location!.ToString());
        Assert.Equal("CREATED", order.GetProperty("status").GetString());
        Assert.Equal(
            $$"""[{"productId":"{{book.Id}}","sellerId":"{{book.Seller}}","category":"tests","""
            + $$"""{{""}}"name":"Book \u0022one\u0022","unitPrice":12000,"quantity":2,"discount":0,"amount":24000},"""
            + $$"""{"productId":"{{pen.Id}}","sellerId":"{{pen.Seller}}","category":"tests","""
            + $$"""{{""}}"name":"\uD39C","unitPrice":700,"quantity":3,"discount":0,"amount":2100}]""",
            JsonSerializer.Serialize(order.GetProperty("lines")));
        Assert.Equal((26_100, 0, 26_100), (Number("subtotal"), Number("discount"), Number("total")));
        Assert.Equal("KRW", order.GetProperty("currency").GetString());
        Assert.Equal(
            TimeSpan.FromSeconds(600),
            order.GetProperty("expiresAt").GetDateTimeOffset() - order.GetProperty("createdAt").GetDateTimeOffset());

        var read = await client.GetFromJsonAsync<JsonElement>($"/orders/{id}");
        Assert.Equal(JsonSerializer.Serialize(order), JsonSerializer.Serialize(read));
        Assert.Equal(["OrderCreated.v1"], await app.EventsAsync(id));
        var timeline = await client.GetFromJsonAsync<JsonElement>($"/orders/{id}/timeline");
        var change = Assert.Single(timeline.GetProperty("items").EnumerateArray());
        Assert.Equal("CREATED", change.GetProperty("status").GetString());
        Assert.Equal(32, change.GetProperty("traceId").GetString()!.Length);

        long Number(string name) => order.GetProperty(name).GetInt64();
    }

    [Fact]
    public async Task The_same_key_twice_is_one_order_and_one_answer_on_any_replica()
    {
        var product = app.Shop.Stock(10);
        using var first = app.Buyer(_user);
        using var second = app.Buyer(_user, replica: 1);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            i => (i % 2 == 0 ? first : second).SendAsync(Post("/orders", Lines(product), "k-1"))));
        var late = await second.SendAsync(Post("/orders", Lines(product), "k-1"));

        var bodies = await Task.WhenAll(answers.Append(late).Select(answer => answer.Content.ReadAsStringAsync()));
        Assert.All(answers.Append(late), answer => Assert.Equal(201, (int)answer.StatusCode));
        Assert.Single(bodies.Distinct());
        Assert.Equal("true", Assert.Single(late.Headers.GetValues(IdempotencyKey.ReplayedHeader)));
        Assert.Equal(9, app.Shop.Left(product));
        Assert.Equal(1, await OrdersOfMineAsync());
    }

    [Fact]
    public async Task A_replay_says_what_was_said_then_whatever_became_of_the_order()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);
        var first = await client.SendAsync(Post("/orders", Lines(product), "k-2"));
        var then = await first.Content.ReadAsStringAsync();
        var id = JsonDocument.Parse(then).RootElement.GetProperty("id").GetGuid();
        await client.PostAsJsonAsync($"/orders/{id}/cancel", new { reason = "changed my mind" });

        var replay = await client.SendAsync(Post("/orders", Lines(product), "k-2"));

        Assert.Equal((201, then), ((int)replay.StatusCode, await replay.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task The_same_key_with_two_bodies_at_once_is_one_order_and_the_other_is_refused()
    {
        var (a, b) = (app.Shop.Stock(10), app.Shop.Stock(10));
        using var first = app.Buyer(_user);
        using var second = app.Buyer(_user, replica: 1);

        var answers = await Task.WhenAll(
            first.SendAsync(Post("/orders", Lines(a), "k-3")), second.SendAsync(Post("/orders", Lines(b), "k-3")));

        Assert.Equal([201, 422], answers.Select(answer => (int)answer.StatusCode).Order());
        var refused = await answers.Single(answer => (int)answer.StatusCode == 422)
            .Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:idempotency-key-reused", refused.GetProperty("type").GetString());
        Assert.Equal(19, app.Shop.Left(a) + app.Shop.Left(b));
    }

    [Fact]
    public async Task A_tombstone_refuses_the_order_that_comes_after_it()
    {
        var product = app.Shop.Stock(10);
        var placement = new Placement([new(product.Id, 1)], null, true, null, null);
        var id = IdempotencyKey.Of(_user, PlaceOrder.Operation, "k-4", placement).ResourceId;
        using var inside = app.Inside();
        var verdicts = await inside.PostAsJsonAsync("/internal/orders/hold-verdicts", new { orderIds = new[] { id } });
        Assert.Equal(
            $$"""{"verdicts":[{"orderId":"{{id}}","verdict":"RELEASE"}]}""",
            await verdicts.Content.ReadAsStringAsync());
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", Lines(product), "k-4"));

        Assert.Equal(409, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:attempt-abandoned", problem.GetProperty("type").GetString());
        Assert.Equal(10, app.Shop.Left(product));
        Assert.Equal("ABANDONED", await app.StatusAsync(id));
        Assert.Equal(404, (int)(await client.GetAsync($"/orders/{id}")).StatusCode);
    }

    // The loser of a race for a key leaves a tombstone under its own id.
    [Fact]
    public async Task The_same_key_with_a_body_that_lost_before_is_still_refused_as_another_body()
    {
        var (won, lost) = (app.Shop.Stock(10), app.Shop.Stock(10));
        using var client = app.Buyer(_user);
        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(won), "k-8"))).StatusCode);
        var placement = new Placement([new(lost.Id, 1)], null, true, null, null);
        var id = IdempotencyKey.Of(_user, PlaceOrder.Operation, "k-8", placement).ResourceId;
        Assert.True(await app.Db.TransactAsync(tx => OrderRows.AbandonAsync(tx, id), CancellationToken.None));

        for (var i = 0; i < 2; i++)
        {
            var answer = await client.SendAsync(Post("/orders", Lines(lost), "k-8"));

            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal("urn:shop:idempotency-key-reused", problem.GetProperty("type").GetString());
        }

        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(won), "k-8"))).StatusCode);
    }

    [Fact]
    public async Task A_busy_database_is_503_and_the_key_works_again()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var busy = await WhileOrdersFailAsync("lock_not_available", () =>
            client.SendAsync(Post("/orders", Lines(product), "k-9")));
        Assert.Equal(503, (int)busy.StatusCode);
        Assert.True(busy.Headers.RetryAfter!.Delta > TimeSpan.Zero);

        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(product), "k-9"))).StatusCode);
        Assert.Equal(9, app.Shop.Left(product));
    }

    [Fact]
    public async Task Without_a_key_a_busy_database_holds_nothing_back()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var busy = await WhileOrdersFailAsync("lock_not_available", () =>
            client.SendAsync(Post("/orders", Lines(product))));

        Assert.Equal((503, 10), ((int)busy.StatusCode, app.Shop.Left(product)));
    }

    [Fact]
    public async Task An_attempt_that_was_buried_says_so_at_once_and_when_it_comes_again()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var first = await WhileOrdersFailAsync("admin_shutdown", () =>
            client.SendAsync(Post("/orders", Lines(product), "k-10")));
        var again = await client.SendAsync(Post("/orders", Lines(product), "k-10"));

        foreach (var answer in new[] { first, again })
        {
            Assert.Equal(409, (int)answer.StatusCode);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal("urn:shop:attempt-abandoned", problem.GetProperty("type").GetString());
        }

        Assert.Equal(10, app.Shop.Left(product));
    }

    // Well-formed JSON that jsonb has no number for: it must not fail the commit that it shares with others.
    [Fact]
    public async Task An_address_is_kept_as_it_was_sent()
    {
        const string address = """{"n":1e999999,"street":"펜"}""";
        using var client = app.Buyer(_user);
        var product = app.Shop.Stock(10);
        using var content = new StringContent(
            $$"""{"lines":[{"productId":"{{product.Id}}","quantity":1}],"shippingAddress":{{address}}}""", null,
            "application/json");

        var answer = await client.PostAsync("/orders", content);

        Assert.Equal(201, (int)answer.StatusCode);
        var order = await answer.Content.ReadFromJsonAsync<JsonElement>();
        var row = Assert.Single(await app.QueryAsync<SealedAddress>("""
            select o.shipping_address::text as json, k.sealed as key
              from orders o join address_keys k on k.order_id = o.id
             where o.user_id = @_user
            """, new { _user }));
        var kept = JsonDocument.Parse(app.Services.GetRequiredService<ShippingAddresses>().Open(
            order.GetProperty("id").GetGuid(), row)).RootElement;
        Assert.Equal("1e999999", kept.GetProperty("n").GetRawText());
        Assert.Equal("펜", kept.GetProperty("street").GetString());
    }

    [Fact]
    public async Task Out_of_stock_is_said_with_what_is_left_and_consumes_no_key()
    {
        var product = app.Shop.Stock(0);
        using var client = app.Buyer(_user);

        var refused = await client.SendAsync(Post("/orders", Lines(product), "k-5"));

        Assert.Equal(409, (int)refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:out-of-stock", problem.GetProperty("type").GetString());
        Assert.Equal(product.Id, problem.GetProperty("productId").GetGuid());
        Assert.Equal(0, problem.GetProperty("remainingStock").GetInt64());
        Assert.Equal(0, await OrdersOfMineAsync());
    }

    [Fact]
    public async Task With_Catalog_away_it_is_503_with_a_time_and_works_again_under_the_same_key()
    {
        var product = app.Shop.Stock(3);
        using var client = app.Buyer(_user);
        app.Shop.IsDown = true;
        HttpResponseMessage away;
        try
        {
            away = await client.SendAsync(Post("/orders", Lines(product), "k-6"));
        }
        finally
        {
            app.Shop.IsDown = false;
        }

        Assert.Equal(503, (int)away.StatusCode);
        Assert.True(away.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(product), "k-6"))).StatusCode);
        Assert.Equal(2, app.Shop.Left(product));
    }

    // The database refuses U+0000 in a text: this product's orders fail however often they are tried.
    [Fact]
    public async Task A_poisoned_order_in_a_batch_fails_alone_and_its_hold_is_given_back()
    {
        var (good, bad) = (app.Shop.Stock(100), app.Shop.Stock(10, name: "nul\0"));
        using var client = app.Buyer(_user);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(
            i => client.SendAsync(Post("/orders", Lines(i == 25 ? bad : good)))));

        Assert.Equal(500, (int)answers[25].StatusCode);
        Assert.All(answers.Where((_, i) => i != 25), answer => Assert.Equal(201, (int)answer.StatusCode));
        Assert.Equal((51, 10), (app.Shop.Left(good), app.Shop.Left(bad)));
        Assert.Equal(49, await OrdersOfMineAsync());
    }

    [Fact]
    public async Task An_order_met_again_in_one_batch_is_stored_once_and_the_second_hears_so()
    {
        var store = app.Services.GetRequiredService<StoreOrders>();
        var order = NewOrders.Of(_user);
        var id = order.Id;

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => store.RunAsync(order, default)));

        Assert.Single(answers, answer => answer.At is not null);
        Assert.Equal(["OrderCreated.v1"], await app.EventsAsync(id));
        Assert.Equal(
            1, await app.ScalarAsync<long>("select count(*) from order_lines where order_id = @id", new { id }));
    }

    [Fact]
    public async Task Orders_of_mine_come_page_by_page_and_a_strangers_is_not_there()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);
        var placed = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            // With a key: such an id says nothing about time.
            var order = await (await client.SendAsync(Post("/orders", Lines(product), $"page-{i}")))
                .Content.ReadFromJsonAsync<JsonElement>();
            placed.Add(order.GetProperty("id").GetGuid());
        }

        var first = await client.GetFromJsonAsync<JsonElement>("/orders/me?limit=3");
        var cursor = first.GetProperty("nextCursor").GetString();
        var second = await client.GetFromJsonAsync<JsonElement>($"/orders/me?limit=3&cursor={cursor}");

        Assert.Equal([placed[4], placed[3], placed[2]], Ids(first));
        Assert.Equal([placed[1], placed[0]], Ids(second));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);
        using var stranger = app.Buyer(Guid.CreateVersion7());
        Assert.Equal(404, (int)(await stranger.GetAsync($"/orders/{placed[0]}")).StatusCode);
        Assert.Equal(404, (int)(await stranger.GetAsync($"/orders/{placed[0]}/timeline")).StatusCode);
        using var admin = app.Admin();
        Assert.Equal(200, (int)(await admin.GetAsync($"/orders/{placed[0]}")).StatusCode);
        Assert.Equal(400, (int)(await client.GetAsync("/orders/me?limit=101")).StatusCode);
        Assert.Equal(400, (int)(await client.GetAsync("/orders/me?cursor=x")).StatusCode);

        static IEnumerable<Guid> Ids(JsonElement page) =>
            page.GetProperty("items").EnumerateArray().Select(order => order.GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task The_description_of_the_service_names_its_routes()
    {
        using var anybody = new HttpClient { BaseAddress = app.Buyer(_user).BaseAddress };

        var description = await anybody.GetFromJsonAsync<JsonElement>("/openapi/v1.json");

        var paths = description.GetProperty("paths");
        Assert.True(paths.GetProperty("/orders").TryGetProperty("post", out var place));
        Assert.Equal(
            ["201", "202", "400", "402", "404", "409", "422", "503"],
            place.GetProperty("responses").EnumerateObject().Select(response => response.Name).Order());
        Assert.True(paths.TryGetProperty("/orders/{id}/shipments/{shipmentId}/ship", out _));
    }

    [Fact]
    public async Task An_optional_coupon_that_is_not_there_is_left_out_and_said_so()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var answer = await client.PostAsJsonAsync("/orders", new
        {
            lines = new[] { new { productId = product.Id, quantity = 1 } }, couponId = Guid.CreateVersion7(),
            couponRequired = false,
        });

        Assert.Equal(201, (int)answer.StatusCode);
        var order = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("coupon-unknown", order.GetProperty("couponNotApplied").GetString());
    }

    // Catalog answers a batch although one reservation of it could not be committed: only that one may be tried again.
    [Theory]
    [InlineData("unavailable", 503, "urn:shop:service-unavailable")]
    [InlineData("hold-ended", 409, "urn:shop:attempt-abandoned")]
    public async Task A_reservation_that_Catalog_could_not_take_is_its_callers_alone(
        string reason, int status, string type)
    {
        var (refused, fine) = (app.Shop.Stock(10), app.Shop.Stock(10));
        using var client = app.Buyer(_user);
        app.Shop.Refuse = (refused.Id, reason);

        var answers = await Task.WhenAll(
            client.SendAsync(Post("/orders", Lines(refused))), client.SendAsync(Post("/orders", Lines(fine))));

        app.Shop.Refuse = null;
        Assert.Equal((status, 201), ((int)answers[0].StatusCode, (int)answers[1].StatusCode));
        var problem = await answers[0].Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(type, problem.GetProperty("type").GetString());
        Assert.Equal(1, await OrdersOfMineAsync());
    }

    /// <summary>Storing an order of this user fails with that error; a tombstone has no user.</summary>
    private async Task<HttpResponseMessage> WhileOrdersFailAsync(
        string condition, Func<Task<HttpResponseMessage>> send)
    {
        await app.ExecuteAsync($"""
            create function refuse_an_order() returns trigger language plpgsql as
            'begin raise exception ''refused by the test'' using errcode = ''{condition}''; end';
            create trigger refuse_an_order before insert on orders
                for each row when (new.user_id = '{_user}') execute function refuse_an_order();
            """);
        try
        {
            return await send();
        }
        finally
        {
            await app.ExecuteAsync("drop trigger refuse_an_order on orders; drop function refuse_an_order");
        }
    }

    private Task<long> OrdersOfMineAsync() =>
        app.ScalarAsync<long>("select count(*) from orders where user_id = @_user", new { _user });
}
