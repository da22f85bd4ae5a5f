using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Faults;

/// <summary>
/// A process dies at a crash point while a client buys and wants its money back, and tries again under the same keys.
/// After its restart the payment has ended once and every unit is back.
/// </summary>
[Trait("Category", "Long")]
public sealed class PurchaseCrashTests(CrashShop shop) : IClassFixture<CrashShop>
{
    private const long Units = 100;
    private const int MaxPurchases = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public static TheoryData<string, string> Few => Data(PurchaseCrashes.Few);

    public static TheoryData<string, string> All => Data(PurchaseCrashes.All.Except(PurchaseCrashes.Few));

    [Theory]
    [MemberData(nameof(Few))]
    public Task Dead_at_one_point_of_each_sort_a_purchase_and_its_refund_end_once(string service, string point) =>
        DieAndEndRightAsync(service, point);

    [Theory]
    [MemberData(nameof(All))]
    public Task Dead_at_any_point_a_purchase_and_its_refund_end_once(string service, string point) =>
        DieAndEndRightAsync(service, point);

    private async Task DieAndEndRightAsync(string service, string point)
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(Units);
        var buyer = await shop.NewBuyerAsync();

        await shop.ArmAsync(service, point);
        var revived = shop.ReviveAsync(service);
        // Somebody else may pass the point first, such as a webhook: the next purchase meets it.
        var purchases = 0;
        do
        {
            await BuyAndRefundAsync(buyer, product, oneCall: purchases % 2 == 0);
            purchases++;
        }
        while ((purchases < 2 || !revived.IsCompleted) && purchases < MaxPurchases);
        await revived;

        await AssertEachEndedOnceAsync(buyer);
        await Eventually.GetAsync(
            () => shop.ShelfAsync(product), shelf => shelf is { OnHand: Units, Reserved: 0, Held: 0 }, Patience);
    }

    private static async Task BuyAndRefundAsync(ShopUser buyer, Guid product, bool oneCall)
    {
        var order = await TryUntilTakenAsync(key => buyer.PlaceAsync(product, 1, oneCall ? "tok_ok" : null, key));
        if (!oneCall) await TryUntilTakenAsync(key => buyer.PayAsync(order.Id, "tok_ok", key));
        var paid = await SeenAsync(
            () => buyer.OrderAsync(order.Id), answer => answer.Text("status") is "PAID" or "CANCELLED");
        if (paid.Text("status") == "CANCELLED") return; // Given up while its process was dead: nothing was taken.

        var payment = paid.Body.GetProperty("payments").EnumerateArray()
            .Single(item => item.GetProperty("status").GetString() == "COMPLETED").GetProperty("id").GetGuid();

        var wanted = new
        {
            lines = new[] { new { productId = product, quantity = 1 } }, restock = true, reason = "test",
        };
        await TryUntilTakenAsync(key => buyer.Payments.PostAsync($"/payments/{payment}/refunds", wanted, key));
        await SeenAsync(() => buyer.OrderAsync(order.Id), answer => answer.Text("status") == "REFUNDED");
    }

    /// <summary>
    /// As a client does it: the same key again while there is no answer or it says to wait, and a new key when the
    /// attempt is said to have come to nothing.
    /// </summary>
    private static async Task<Answer> TryUntilTakenAsync(Func<string, Task<Answer>> send)
    {
        var key = NewKey();
        return await SeenAsync(
            async () =>
            {
                var answer = await send(key);
                if (answer.Status == HttpStatusCode.Conflict && answer.Problem == "attempt-abandoned") key = NewKey();
                return answer;
            },
            answer => answer.Status is HttpStatusCode.Created or HttpStatusCode.Accepted);
    }

    private static Task<Answer> SeenAsync(Func<Task<Answer>> ask, Func<Answer, bool> wanted) => Eventually.GetAsync(
        async () =>
        {
            try
            {
                return await ask();
            }
            catch (Exception e) when (
                e is HttpRequestException or IOException or SocketException or TaskCanceledException)
            {
                return new Answer(default, JsonSerializer.SerializeToElement(e.Message), new());
            }
        },
        answer => (int)answer.Status is >= 200 and < 300 && wanted(answer), Patience);

    private async Task AssertEachEndedOnceAsync(ShopUser buyer)
    {
        var orders = (await buyer.Ordering.AskAsync("/orders/me?limit=100")).Body.GetProperty("items")
            .EnumerateArray().Select(order => order.GetProperty("id").GetGuid()).ToArray();
        Assert.NotEmpty(orders);
        await Eventually.GetAsync(
            () => shop.ScalarAsync<long>(
                "orderingdb",
                "select count(*) from orders where id = any ($1) and status not in ('REFUNDED', 'CANCELLED')", orders),
            count => count == 0, Patience, "every order has ended");
        var open = await shop.ScalarAsync<long>(
            "paymentsdb",
            "select count(*) from payments where order_id = any ($1) and status in ('REQUESTED', 'PROCESSING')",
            orders);
        var completed = await shop.ScalarAsync<string[]>(
            "paymentsdb",
            """
            select coalesce(array_agg(id::text), '{}') from payments
             where order_id = any ($1) and status = 'COMPLETED' and card_refunded = card_captured
            """, orders);
        var captured = await shop.ScalarAsync<long>(
            "sandboxdb", "select count(*) from captures where charge_key = any ($1)", (object)completed);
        var unrefunded = await shop.ScalarAsync<long>(
            "paymentsdb",
            """
            select count(*) from payments
             where order_id = any ($1) and status = 'COMPLETED' and card_refunded <> card_captured
            """, orders);
        Assert.Equal((0, completed.Length, 0), (open, captured, unrefunded));

        // What was given up says so; nothing that the processor would have taken is refused for another reason.
        var failures = await shop.ScalarAsync<string[]>(
            "paymentsdb",
            """
            select coalesce(array_agg(distinct failure), '{}') from payments
             where order_id = any ($1) and status = 'FAILED'
            """,
            orders);
        Assert.Empty(failures.Except(["attempt-abandoned", "processor-timeout"]));
    }

    private static TheoryData<string, string> Data(IEnumerable<PurchaseCrash> crashes)
    {
        var data = new TheoryData<string, string>();
        foreach (var crash in crashes) data.Add(crash.Service, crash.Point);
        return data;
    }
}
