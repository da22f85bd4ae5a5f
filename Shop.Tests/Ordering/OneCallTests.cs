using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;
using static Shop.Tests.Ordering.OrderingApp;

namespace Shop.Tests.Ordering;

public sealed class OneCallTests(OrderingApp app) : IClassFixture<OrderingApp>, IDisposable
{
    private readonly Guid _user = Guid.CreateVersion7();

    public void Dispose()
    {
        app.Shop.OnPayment = null;
        app.Shop.ArePaymentsDown = false;
    }

    [Fact]
    public async Task A_captured_payment_answers_201_PAID_and_a_replay_the_same()
    {
        var product = app.Shop.Stock(10, 1_500);
        app.Shop.OnPayment = CaptureAsync;
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));

        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(201, (int)answer.StatusCode);
        var order = JsonDocument.Parse(text).RootElement;
        var id = order.GetProperty("id").GetGuid();
        var paymentId = PayInOneCall.PaymentIdOf(id);
        Assert.Equal("PAID", order.GetProperty("status").GetString());
        Assert.Equal(
            $$"""[{"id":"{{paymentId}}","status":"COMPLETED"}]""", order.GetProperty("payments").GetRawText());
        Assert.Equal(
            "REQUESTED",
            Assert.Single(order.GetProperty("shipments").EnumerateArray()).GetProperty("status").GetString());
        var started = Assert.Single(app.Shop.Payments, payment => payment.OrderId == id);
        Assert.Equal(
            (paymentId, _user, "CARD", "tok_ok", 1_500L),
            (started.PaymentId, started.UserId, started.Method, started.CardToken, started.Amount));

        var replay = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));
        Assert.Equal((201, text), ((int)replay.StatusCode, await replay.Content.ReadAsStringAsync()));
        Assert.Equal("true", Assert.Single(replay.Headers.GetValues("Idempotency-Replayed")));
        Assert.Equal(9, app.Shop.Left(product));
    }

    [Fact]
    public async Task A_declined_payment_answers_402_with_the_cancelled_order_again_and_again()
    {
        var product = app.Shop.Stock(10);
        app.Shop.OnPayment = async payment =>
        {
            await FailAsync(payment, "declined");
            return FakeShop.Accepted(payment);
        };
        using var client = app.Buyer(_user);

        for (var i = 0; i < 2; i++)
        {
            var answer = await client.SendAsync(Post("/orders", PaidLines("tok_declined", product), "k"));

            Assert.Equal(402, (int)answer.StatusCode);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal("urn:shop:payment-declined", problem.GetProperty("type").GetString());
            Assert.Equal("declined", problem.GetProperty("failure").GetString());
            Assert.Equal("CANCELLED", await app.StatusAsync(problem.GetProperty("orderId").GetGuid()));
            Assert.Equal(
                ["OrderCreated.v1", "OrderCancelled.v1"],
                await app.EventsAsync(problem.GetProperty("orderId").GetGuid()));
        }
    }

    [Fact]
    public async Task A_payment_refused_on_the_spot_is_settled_on_the_spot()
    {
        app.Shop.OnPayment = _ => Task.FromResult(FakeShop.Declined());
        app.Shop.PaymentState = _ => ("FAILED", "insufficient-points");
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines("tok_ok", app.Shop.Stock(10)), "k"));

        Assert.Equal(402, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("insufficient-points", problem.GetProperty("failure").GetString());
    }

    [Fact]
    public async Task A_tombstone_at_Payments_ends_the_call_with_409()
    {
        app.Shop.OnPayment = _ => Task.FromResult(FakeShop.Abandoned());
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines("tok_ok", app.Shop.Stock(10)), "k"));

        Assert.Equal(409, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:attempt-abandoned", problem.GetProperty("type").GetString());
        Assert.Equal("CANCELLED", await app.StatusAsync(problem.GetProperty("orderId").GetGuid()));
    }

    [Fact]
    public async Task An_outcome_that_takes_too_long_is_202_and_a_replay_hears_it()
    {
        var product = app.Shop.Stock(10);
        FakeShop.StartedPayment? slow = null;
        app.Shop.OnPayment = payment =>
        {
            slow = payment;
            return Task.FromResult(FakeShop.Accepted(payment));
        };
        using var client = app.Buyer(_user);

        var unknown = await client.SendAsync(Post("/orders", PaidLines("tok_slow", product), "k"));

        Assert.Equal(202, (int)unknown.StatusCode);
        Assert.Equal($"/orders/{slow!.OrderId}", unknown.Headers.Location!.ToString());
        var pending = await unknown.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("PAYMENT_PENDING", pending.GetProperty("status").GetString());

        await CaptureAsync(slow);
        var replay = await client.SendAsync(Post("/orders", PaidLines("tok_slow", product), "k"));
        Assert.Equal(201, (int)replay.StatusCode);
        Assert.Equal(9, app.Shop.Left(product));
    }

    [Fact]
    public async Task With_Payments_away_nothing_is_lost_and_a_replay_pays()
    {
        var product = app.Shop.Stock(10);
        app.Shop.ArePaymentsDown = true;
        using var client = app.Buyer(_user);
        var away = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));
        Assert.Equal(202, (int)away.StatusCode);

        app.Shop.ArePaymentsDown = false;
        app.Shop.OnPayment = CaptureAsync;
        var replay = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));

        Assert.Equal(201, (int)replay.StatusCode);
        Assert.Equal(9, app.Shop.Left(product));
    }

    // A deployment gone wrong, a token refused: whatever it is, the order is stored and only Payments knows the rest.
    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(500)]
    public async Task With_an_answer_that_makes_no_sense_it_is_202_and_a_replay_pays(int status)
    {
        var product = app.Shop.Stock(10);
        app.Shop.OnPayment = _ => Task.FromResult(Results.StatusCode(status));
        using var client = app.Buyer(_user);

        var unknown = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));

        Assert.Equal(202, (int)unknown.StatusCode);
        var pending = await unknown.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("PAYMENT_PENDING", pending.GetProperty("status").GetString());
        app.Shop.OnPayment = CaptureAsync;
        var replay = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product), "k"));
        Assert.Equal(201, (int)replay.StatusCode);
        Assert.Equal(9, app.Shop.Left(product));
    }

    [Fact]
    public async Task A_refusal_that_cannot_be_asked_about_is_202_and_a_replay_hears_it()
    {
        app.Shop.OnPayment = _ => Task.FromResult(FakeShop.Declined());
        app.Shop.PaymentState = _ => throw new InvalidOperationException("Payments answers 500.");
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var unknown = await client.SendAsync(Post("/orders", PaidLines("tok_declined", product), "k"));

        Assert.Equal(202, (int)unknown.StatusCode);
        app.Shop.PaymentState = _ => ("FAILED", "card-declined");
        var replay = await client.SendAsync(Post("/orders", PaidLines("tok_declined", product), "k"));
        Assert.Equal(402, (int)replay.StatusCode);
    }

    [Theory]
    [InlineData("pm_1N2x3Y")]
    [InlineData("card-7")]
    public async Task Any_token_that_Payments_takes_is_taken(string token)
    {
        app.Shop.OnPayment = CaptureAsync;
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines(token, app.Shop.Stock(10)), "k"));

        Assert.Equal(201, (int)answer.StatusCode);
    }

    [Fact]
    public async Task The_short_form_pays_too()
    {
        var product = app.Shop.Stock(10);
        app.Shop.OnPayment = CaptureAsync;
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(
            Post("/orders", new { productId = product.Id, quantity = 2, paymentMethod = "CARD" }, "k"));

        Assert.Equal(201, (int)answer.StatusCode);
        Assert.Equal("PAID", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString());
        Assert.Equal(8, app.Shop.Left(product));
    }

    [Theory]
    [InlineData("""{"method":"POINTS"}""", "POINTS", null, null)]
    [InlineData("""{"method":"POINTS","points":1500}""", "POINTS", null, 1_500L)]
    [InlineData("""{"method":"SPLIT","points":1499,"cardToken":"tok_ok"}""", "SPLIT", "tok_ok", 1_499L)]
    public async Task Points_are_passed_on_as_they_were_asked_for(
        string payment, string method, string? token, long? points)
    {
        var product = app.Shop.Stock(10, 1_500);
        app.Shop.OnPayment = CaptureAsync;
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", WithPayment(product, payment), "k"));

        Assert.Equal(201, (int)answer.StatusCode);
        var id = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
        var started = Assert.Single(app.Shop.Payments, started => started.OrderId == id);
        Assert.Equal(
            (method, token, points, 1_500L), (started.Method, started.CardToken, started.Points, started.Amount));
    }

    [Theory]
    [InlineData("""{"method":"POINTS","points":1499}""")]
    [InlineData("""{"method":"SPLIT","points":1500,"cardToken":"tok_ok"}""")]
    public async Task Points_that_do_not_fit_the_total_are_400_start_nothing_and_give_the_stock_back(string payment)
    {
        var product = app.Shop.Stock(10, 1_500);
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", WithPayment(product, payment), "k"));

        Assert.Equal(400, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(problem.GetProperty("errors").TryGetProperty("payment.points", out _));
        Assert.Equal(10, app.Shop.Left(product));
        Assert.DoesNotContain(app.Shop.Payments, started => started.UserId == _user);
        var again = await client.SendAsync(Post("/orders", WithPayment(product, payment), "k"));
        Assert.Equal(400, (int)again.StatusCode);
        Assert.Equal(
            problem.GetProperty("errors").ToString(),
            (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors").ToString());
        app.Shop.OnPayment = CaptureAsync;
        var corrected = await client.SendAsync(Post("/orders", WithPayment(product, """{"method":"POINTS"}"""), "k"));
        Assert.Equal(201, (int)corrected.StatusCode);
    }

    [Fact]
    public async Task Too_few_points_are_402_with_their_own_name()
    {
        app.Shop.OnPayment = _ => Task.FromResult(FakeShop.Declined());
        app.Shop.PaymentState = _ => ("FAILED", "not-enough-points");
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(
            Post("/orders", WithPayment(app.Shop.Stock(10), """{"method":"POINTS"}"""), "k"));

        Assert.Equal(402, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:not-enough-points", problem.GetProperty("type").GetString());
        Assert.Equal("CANCELLED", await app.StatusAsync(problem.GetProperty("orderId").GetGuid()));
    }

    // A key that was sent before points were taken must find its order afterwards.
    [Fact]
    public void The_fingerprint_of_a_card_payment_has_nothing_of_points()
    {
        var terms = new Placement.PaymentTerms("CARD", "tok_ok", null);

        Assert.Equal(
            """{"method":"CARD","cardToken":"tok_ok"}""",
            JsonSerializer.Serialize(terms, JsonSerializerOptions.Web));
    }

    [Fact]
    public async Task A_payment_without_a_key_is_refused()
    {
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines("tok_ok", product)));

        Assert.Equal(400, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:idempotency-key-missing", problem.GetProperty("type").GetString());
        Assert.Equal(10, app.Shop.Left(product));
    }

    [Fact]
    public async Task Cancelled_while_it_is_paid_the_call_ends_with_409()
    {
        app.Shop.OnPayment = async payment =>
        {
            using var owner = app.Buyer(_user);
            await owner.PostAsJsonAsync($"/orders/{payment.OrderId}/cancel", new { reason = "no" });
            await FailAsync(payment, "voided");
            return FakeShop.Accepted(payment);
        };
        using var client = app.Buyer(_user);

        var answer = await client.SendAsync(Post("/orders", PaidLines("tok_slow", app.Shop.Stock(10)), "k"));

        Assert.Equal(409, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:order-cancelled", problem.GetProperty("type").GetString());
    }

    private static object WithPayment(FakeShop.Product product, string payment) => new
    {
        lines = new[] { new { productId = product.Id, quantity = 1 } },
        payment = JsonSerializer.Deserialize<JsonElement>(payment),
    };

    private async Task<IResult> CaptureAsync(FakeShop.StartedPayment payment)
    {
        await app.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, new PaymentCompleted(
            payment.PaymentId, payment.OrderId, payment.UserId, payment.Amount, payment.Amount, 0, payment.Currency,
            app.Clock.GetUtcNow()));
        return FakeShop.Accepted(payment);
    }

    private async Task FailAsync(FakeShop.StartedPayment payment, string failure) =>
        await app.HandleAsync<PaymentFailed>(OnPaymentFailed.Handle, new PaymentFailed(
            payment.PaymentId, payment.OrderId, payment.UserId, failure, app.Clock.GetUtcNow()));
}
