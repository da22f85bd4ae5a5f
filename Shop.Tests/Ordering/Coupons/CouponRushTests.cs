using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Aspire.Hosting.ApplicationModel;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;
using StackExchange.Redis;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>A rush for few coupons while parts of the shop fail, and a coupon's way to the money.</summary>
public sealed class CouponRushTests(CouponShop shop) : IClassFixture<CouponShop>
{
    private const int Total = 100;
    private const int AtOnce = 64;
    private const int Replicas = 2;

    // The trouble comes while there are coupons left.
    private const int AnswersBeforeTrouble = Total / 4;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("SHOP_LONG_TESTS") == "1";
    private static readonly int Users = IsLong ? 2_000 : 400;
    private static readonly int Claims = IsLong ? 10_000 : 1_500;

    [Fact]
    public Task While_ordering_is_killed_exactly_100_users_get_one_each() => RushAsync(async () =>
    {
        await shop.CommandAsync("ordering", "kill");
        using var control = shop.Control();
        await Eventually.GetAsync(
            () => control.GetStringAsync("/resources"),
            rows => rows.Split('\n').Count(row =>
                row.StartsWith("ordering-", StringComparison.Ordinal)
                && row.Contains(" Exited ", StringComparison.Ordinal)) == Replicas,
            TimeSpan.FromSeconds(120), "both processes of ordering have died");
        await shop.CommandAsync("ordering", KnownResourceCommands.StartCommand);
    });

    [Fact]
    public Task While_redis_is_flushed_exactly_100_users_get_one_each() => RushAsync(async () =>
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(
            $"{await shop.ConnectionStringAsync("cache")},allowAdmin=true");
        await redis.GetDatabase().ExecuteAsync("FLUSHALL");
    });

    [Fact]
    public async Task A_coupon_is_used_with_the_money_and_comes_back_with_it()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 10, unitPrice: 2_500);
        var coupon = await shop.NewCouponAsync(5, new { type = "PERCENT", percent = 10, cap = 600 });
        var buyer = await shop.NewBuyerAsync();
        var claimed = await buyer.Ordering.PostAsync($"/coupons/{coupon}/claim", new { });
        Assert.Equal(HttpStatusCode.Created, claimed.Status);

        var declined = await BuyAsync(buyer, product, coupon, "tok_declined");
        Assert.Equal(HttpStatusCode.PaymentRequired, declined.Status);
        Assert.Equal("ISSUED", await StateAsync(buyer));

        var paid = await BuyAsync(buyer, product, coupon, "tok_ok");
        Assert.Equal((HttpStatusCode.Created, "PAID"), (paid.Status, paid.Text("status")));
        Assert.Equal((7_500, 600, 6_900), (paid.Number("subtotal"), paid.Number("discount"), paid.Number("total")));
        Assert.Equal("USED", await StateAsync(buyer));
        var payment = Assert.Single(paid.Body.GetProperty("payments").EnumerateArray()).GetProperty("id").GetGuid();
        Assert.Equal(6_900, await shop.ScalarAsync<long>(
            "sandboxdb", "select sum(amount_minor)::bigint from captures where charge_key = $1", payment.ToString()));
        Assert.Equal("coupon-used", (await BuyAsync(buyer, product, coupon, "tok_ok")).Problem);

        var cancelled = await buyer.Ordering.PostAsync($"/orders/{paid.Id}/cancel", new { reason = "changed my mind" });
        Assert.Equal(HttpStatusCode.Accepted, cancelled.Status);
        await buyer.OrderBecomesAsync(paid.Id, "REFUNDED");
        Assert.Equal("ISSUED", await StateAsync(buyer));

        var again = await BuyAsync(buyer, product, coupon, "tok_ok");
        Assert.Equal((HttpStatusCode.Created, 6_900), (again.Status, again.Number("total")));
        await shop.ShelfBecomesAsync(product, new Shelf(7, 0, 10, 6, 3, 0));
        Assert.All(await shop.AssertRulesHoldAsync(), looked => Assert.True(looked > 0));
    }

    private async Task RushAsync(Func<Task> trouble)
    {
        var coupon = await shop.NewCouponAsync(Total, CouponDesk.Amount(500));
        var crowd = await shop.CrowdAsync(Users);
        var (next, answered) = (0, 0);
        var answers = new ConcurrentBag<(int User, Answer Answer)>();
        var troubled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var claiming = Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next) - 1; i < Claims; i = Interlocked.Increment(ref next) - 1)
            {
                var user = (int)(i * 7L % Users);
                answers.Add((user, await ClaimUntilAnsweredAsync(crowd[user], coupon)));
                if (Interlocked.Increment(ref answered) == AnswersBeforeTrouble) troubled.SetResult();
            }
        }).ToList();
        claiming.Add(Task.Run(async () =>
        {
            await troubled.Task;
            await trouble();
        }));
        await Task.WhenAll(claiming);
        await shop.WaitUntilHealthyAsync("ordering");

        var owners = await shop.ScalarAsync<long>(
            "orderingdb", "select count(distinct user_id) from user_coupons where coupon_id = $1", coupon);
        Assert.Equal(Total, owners);
        Assert.Equal(
            Total, await shop.ScalarAsync<int>("orderingdb", "select issued from coupons where id = $1", coupon));
        var won = answers.Where(one => one.Answer.Status == HttpStatusCode.Created).Select(one => one.User).ToArray();
        Assert.Equal(won.Length, won.Distinct().Count());
        Assert.All(
            answers.Where(one => one.Answer.Status != HttpStatusCode.Created),
            one => Assert.True(
                one.Answer.Status == HttpStatusCode.Conflict
                && one.Answer.Problem is "coupon-sold-out" or "coupon-already-claimed", one.Answer.ToString()));

        // Whoever got one finds it, also where the answer died on its way; all others hear that there are no more.
        var holders = answers.Where(one => one.Answer.Status == HttpStatusCode.Created
            || one.Answer.Problem == "coupon-already-claimed").Select(one => one.User).Distinct().Count();
        Assert.InRange(holders, won.Length, Total);
        var late = await shop.NewBuyerAsync();
        Assert.Equal("coupon-sold-out", (await ClaimUntilAnsweredAsync(late.Ordering, coupon)).Problem);
        await shop.AssertRulesHoldAsync();
    }

    /// <summary>Asks again where nobody answered: what became of the claim is not known then.</summary>
    private static async Task<Answer> ClaimUntilAnsweredAsync(HttpClient user, Guid coupon) =>
        (await Eventually.GetAsync(
            async () =>
            {
                try
                {
                    var answer = await user.PostAsync($"/coupons/{coupon}/claim", new { });
                    return answer.Status >= HttpStatusCode.InternalServerError ? null : answer;
                }
                catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
                {
                    return null; // A bare socket's comes from a connection that dies while it is being made.
                }
            },
            answer => answer is not null, TimeSpan.FromSeconds(120), "the claim is answered"))!;

    private static Task<Answer> BuyAsync(ShopUser buyer, Guid product, Guid coupon, string card) =>
        buyer.Ordering.PostAsync(
            "/orders",
            new
            {
                lines = new[] { new { productId = product, quantity = 3 } }, couponId = coupon,
                payment = new { method = "CARD", cardToken = card },
            },
            NewKey());

    private static async Task<string?> StateAsync(ShopUser buyer)
    {
        var mine = await buyer.Ordering.AskAsync("/coupons/me");
        return Assert.Single(mine.Body.GetProperty("items").EnumerateArray()).GetProperty("status").GetString();
    }
}
