using System.Net;
using System.Text.Json;
using Shop.Tests.Fixtures;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Purchase;

/// <summary>The purchase over HTTP through the whole application, with one process of each service.</summary>
[Collection(ShopAppCollection.Name)]
public sealed class PurchaseTests(ShopApp shop) : PurchaseContract(shop);

/// <summary>Two replicas of each API and two workers.</summary>
public sealed class ReplicatedShop() : ShopApp(new ShopAppOptions { Apis = 2, Workers = 2 });

/// <summary>The same purchases, where every request may meet another process than the last.</summary>
public sealed class ReplicatedPurchaseTests(ReplicatedShop shop)
    : PurchaseContract(shop), IClassFixture<ReplicatedShop>;

public abstract class PurchaseContract(ShopApp shop)
{
    [Fact]
    public async Task In_two_steps_an_order_is_placed_then_paid_shipped_from_stock_and_captured_once()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        var onHand = await shop.OnHandAsync(product);

        var placed = await buyer.PlaceAsync(product, quantity: 2);
        Assert.Equal(HttpStatusCode.Created, placed.Status);
        Assert.Equal("CREATED", placed.Text("status"));
        Assert.Equal($"/orders/{placed.Id}", placed.Response.Headers.Location!.ToString());
        var line = Assert.Single(placed.Body.GetProperty("lines").EnumerateArray());
        Assert.Equal(product, line.GetProperty("productId").GetGuid());
        Assert.Equal(2 * line.GetProperty("unitPrice").GetInt64(), line.GetProperty("amount").GetInt64());
        Assert.Equal(placed.Number("subtotal") - placed.Number("discount"), placed.Number("total"));
        Assert.Equal("HELD", await shop.HoldAsync(placed.Id));

        var asked = await buyer.PayAsync(placed.Id, "tok_ok");
        Assert.Equal(HttpStatusCode.Accepted, asked.Status);
        var payment = asked.Body.GetProperty("paymentId").GetGuid();

        var paid = await buyer.OrderBecomesAsync(placed.Id, "PAID");
        var known = Assert.Single(paid.Body.GetProperty("payments").EnumerateArray());
        Assert.Equal(payment, known.GetProperty("id").GetGuid());
        var shipment = Assert.Single(paid.Body.GetProperty("shipments").EnumerateArray());
        Assert.Equal("REQUESTED", shipment.GetProperty("status").GetString());
        Assert.Equal(line.GetProperty("sellerId").GetGuid(), shipment.GetProperty("sellerId").GetGuid());

        var completed = await buyer.PaymentBecomesAsync(payment, "COMPLETED");
        Assert.Equal(placed.Number("total"), completed.Number("amount"));
        Assert.Equal(placed.Number("total"), completed.Number("card"));
        Assert.Equal(0, completed.Number("refunded"));
        Assert.Equal(1, await shop.CapturesAsync(payment));
        Assert.Equal(placed.Number("total"), await shop.CapturedAsync(payment));

        await shop.HoldBecomesAsync(placed.Id, "COMMITTED");
        Assert.Equal(onHand - 2, await shop.OnHandAsync(product));
        Assert.Equal(0, await shop.ReservedAsync(product));
    }

    [Fact]
    public async Task In_one_call_the_answer_is_the_paid_order()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();

        var paid = await buyer.PlaceAsync(product, card: "tok_ok");

        Assert.Equal(HttpStatusCode.Created, paid.Status);
        Assert.Equal("PAID", paid.Text("status"));
        var payment = Assert.Single(paid.Body.GetProperty("payments").EnumerateArray());
        Assert.Equal(1, await shop.CapturesAsync(payment.GetProperty("id").GetGuid()));
        await shop.HoldBecomesAsync(paid.Id, "COMMITTED");
    }

    [Fact]
    public async Task In_the_short_form_a_product_and_a_method_are_enough()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();

        var paid = await buyer.Ordering.PostAsync(
            "/orders", new { productId = product, quantity = 1, paymentMethod = "CARD" }, NewKey());

        Assert.Equal(HttpStatusCode.Created, paid.Status);
        Assert.Equal("PAID", paid.Text("status"));
    }

    [Fact]
    public async Task Out_of_stock_is_refused_and_holds_nothing()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync(atMost: 9_000);
        var key = NewKey();

        var refused = await buyer.PlaceAsync(product, await shop.OnHandAsync(product) + 1, card: "tok_ok", key);

        Assert.Equal(HttpStatusCode.Conflict, refused.Status);
        Assert.Equal("out-of-stock", refused.Problem);
        Assert.Equal(product, refused.Body.GetProperty("productId").GetGuid());
        Assert.Equal(await shop.OnHandAsync(product), refused.Number("remainingStock"));
        Assert.Equal(0, await shop.ReservedAsync(product));
        Assert.Equal(0, await shop.OrdersOfAsync(key));
    }

    [Fact]
    public async Task Declined_in_one_call_the_order_is_cancelled_and_everything_given_back()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        var onHand = await shop.OnHandAsync(product);

        var declined = await buyer.PlaceAsync(product, quantity: 3, card: "tok_declined");

        Assert.Equal(HttpStatusCode.PaymentRequired, declined.Status);
        var order = declined.Body.GetProperty("orderId").GetGuid();
        var cancelled = await buyer.OrderBecomesAsync(order, "CANCELLED");
        var payment = Assert.Single(cancelled.Body.GetProperty("payments").EnumerateArray());
        Assert.Equal(0, await shop.CapturesAsync(payment.GetProperty("id").GetGuid()));
        await shop.HoldBecomesAsync(order, "RELEASED");
        Assert.Equal(onHand, await shop.OnHandAsync(product));
        Assert.Equal(0, await shop.ReservedAsync(product));
    }

    [Fact]
    public async Task Declined_in_two_steps_the_order_may_be_paid_again()
    {
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await shop.PlentifulProductAsync());

        var first = await buyer.PayAsync(placed.Id, "tok_declined");
        var failed = await buyer.PaymentBecomesAsync(first.Body.GetProperty("paymentId").GetGuid(), "FAILED");
        Assert.NotEqual(JsonValueKind.Null, failed.Body.GetProperty("failure").ValueKind);
        await buyer.OrderBecomesAsync(placed.Id, "CREATED");
        Assert.Equal("HELD", await shop.HoldAsync(placed.Id));

        var second = await buyer.PayAsync(placed.Id, "tok_ok");
        Assert.Equal(HttpStatusCode.Accepted, second.Status);
        await buyer.OrderBecomesAsync(placed.Id, "PAID");
        Assert.Equal(1, await shop.CapturesAsync(second.Body.GetProperty("paymentId").GetGuid()));
    }

    [Fact]
    public async Task A_strangers_order_and_payment_are_not_found()
    {
        var buyer = await shop.NewBuyerAsync();
        var stranger = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await shop.PlentifulProductAsync());

        Assert.Equal(HttpStatusCode.NotFound, (await stranger.OrderAsync(placed.Id)).Status);
        Assert.Equal(
            HttpStatusCode.NotFound, (await stranger.Ordering.PostAsync(
                $"/orders/{placed.Id}/cancel", new { reason = "not mine" })).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.PayAsync(placed.Id, "tok_ok")).Status);
        Assert.Equal("CREATED", (await buyer.OrderAsync(placed.Id)).Text("status"));
    }

    [Fact]
    public async Task The_same_key_twice_is_one_order_and_another_body_is_refused()
    {
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        var key = NewKey();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => buyer.PlaceAsync(product, key: key)));
        var again = await buyer.PlaceAsync(product, key: key);
        var other = await buyer.PlaceAsync(product, quantity: 2, key: key);

        Assert.All(answers, answer => Assert.True(
            answer.Status == HttpStatusCode.Created
            || (answer.Status == HttpStatusCode.Conflict && answer.Response.Headers.RetryAfter is not null),
            $"{answer.Status} {answer.Body}"));
        Assert.Equal(HttpStatusCode.Created, again.Status);
        Assert.True(again.Replayed);
        var created = answers.Where(answer => answer.Status == HttpStatusCode.Created).Append(again);
        Assert.Single(created.Select(answer => answer.Id).Distinct());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.Status);
        Assert.Equal(1, await shop.OrdersOfAsync(key));
    }

    [Fact]
    public async Task The_same_key_twice_is_one_payment()
    {
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await shop.PlentifulProductAsync());
        var key = NewKey();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => buyer.PayAsync(placed.Id, "tok_ok", key)));
        await buyer.OrderBecomesAsync(placed.Id, "PAID");
        var again = await buyer.PayAsync(placed.Id, "tok_ok", key);

        Assert.Equal(HttpStatusCode.Accepted, again.Status);
        Assert.True(again.Replayed);
        var payment = again.Body.GetProperty("paymentId").GetGuid();
        Assert.All(
            answers.Where(a => a.Status == HttpStatusCode.Accepted),
            answer => Assert.Equal(payment, answer.Body.GetProperty("paymentId").GetGuid()));
        Assert.Equal(1, await shop.CapturesAsync(payment));
    }

    [Fact]
    public async Task Money_needs_a_key()
    {
        var buyer = await shop.NewBuyerAsync();
        var placed = await buyer.PlaceAsync(await shop.PlentifulProductAsync());

        var refused = await buyer.Payments.PostAsync(
            "/payments", new { orderId = placed.Id, method = "CARD", cardToken = "tok_ok" });

        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Equal("idempotency-key-missing", refused.Problem);
    }
}
