using System.Net.Http.Json;
using System.Text.Json;
using Shop.Tests.Purchase;

namespace Shop.Tests.Ordering.Coupons;

/// <summary>What admins and users do with coupons, for the tests over Ordering alone.</summary>
internal static class CouponDesk
{
    public static object Amount(long amount) => new { type = "AMOUNT", amount };

    public static string NewCode() => $"C-{Guid.CreateVersion7():n}";

    /// <summary>A coupon of these terms; the answer is its id.</summary>
    public static async Task<Guid> CouponAsync(
        this OrderingApp app, object? discount = null, int total = 100, long? minimumOrder = null,
        Guid[]? products = null, string[]? categories = null, DateTimeOffset? validUntil = null)
    {
        using var admin = app.Admin();
        var created = await admin.PostAsync("/coupons", new
        {
            code = NewCode(), discount = discount ?? Amount(300), minimumOrder, products, categories,
            totalQuantity = total, validFrom = app.Clock.GetUtcNow().AddMinutes(-1), validUntil,
        });
        Assert.True((int)created.Status == 201, created.ToString());
        return created.Id;
    }

    public static async Task<Buying.Answer> ClaimAsync(
        this OrderingApp app, Guid coupon, Guid user, string? key = null, int replica = 0)
    {
        using var buyer = app.Buyer(user, replica);
        return await buyer.PostAsync($"/coupons/{coupon}/claim", new { }, key);
    }

    /// <summary>A new user who has claimed that coupon.</summary>
    public static async Task<Guid> OwnerAsync(this OrderingApp app, Guid coupon)
    {
        var user = Guid.CreateVersion7();
        var claimed = await app.ClaimAsync(coupon, user);
        Assert.True((int)claimed.Status == 201, claimed.ToString());
        return user;
    }

    /// <summary>An order of one unit of each product with that coupon, by its user.</summary>
    public static async Task<Buying.Answer> OrderAsync(
        this OrderingApp app, Guid user, Guid coupon, FakeShop.Product[] products, bool? required = null,
        string? key = null, string? card = null, int replica = 0)
    {
        using var buyer = app.Buyer(user, replica);
        return await buyer.PostAsync(
            "/orders",
            new
            {
                lines = products.Select(product => new { productId = product.Id, quantity = 1 }),
                couponId = coupon, couponRequired = required,
                payment = card is null ? null : new { method = "CARD", cardToken = card },
            },
            key);
    }

    /// <summary>The user's one coupon: its state, and the order it belongs to.</summary>
    public static async Task<(string Status, Guid? Order)> MineAsync(this OrderingApp app, Guid user)
    {
        using var buyer = app.Buyer(user);
        var mine = await buyer.GetFromJsonAsync<JsonElement>("/coupons/me");
        var one = Assert.Single(mine.GetProperty("items").EnumerateArray());
        return (
            one.GetProperty("status").GetString()!,
            one.TryGetProperty("orderId", out var order) ? order.GetGuid() : null);
    }

    public static async Task CancelAsync(this OrderingApp app, Guid user, Guid order)
    {
        using var buyer = app.Buyer(user);
        var cancelled = await buyer.PostAsync($"/orders/{order}/cancel", new { reason = "changed my mind" });
        Assert.True((int)cancelled.Status == 200, cancelled.ToString());
    }
}
