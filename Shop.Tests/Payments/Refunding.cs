using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>What is asked about a payment that was made, and what the books say about it.</summary>
internal static class Refunding
{
    public static Task<Answer> RefundAsync(
        this PaymentsApp app, Guid user, Guid payment, object body, string? key = "refund-1", bool admin = false) =>
        PostAsync(app, user, $"/payments/{payment}/refunds", body, key, admin);

    public static Task<Answer> CancelAsync(
        this PaymentsApp app, Guid user, Guid payment, string? key = null, object? body = null) =>
        PostAsync(app, user, $"/payments/{payment}/cancel", body, key, admin: false);

    public static async Task<Guid> RefundedAsync(
        this PaymentsApp app, Guid user, Guid payment, object body, string key = "refund-1")
    {
        var answer = await app.RefundAsync(user, payment, body, key);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        return answer.Json.GetProperty("refundId").GetGuid();
    }

    /// <summary>The order paid in both ways, 1,000 in all.</summary>
    public static async Task<Guid> PaidInBothAsync(this PaymentsApp app, Purchase purchase, long points)
    {
        await new Wallet(app, purchase.User).ChargedAsync(points);
        var payment = (await purchase.PayAsync(method: "SPLIT", points: points)).PaymentId;
        await app.DeliverAsync();
        Assert.Equal("COMPLETED", await app.StatusAsync(payment));
        return payment;
    }

    /// <summary>Refunded by the payment's legs, its lines, and its refunds that did not fail: always equal.</summary>
    public static async Task<(long Card, long Points)> RefundedOfAsync(this PaymentsApp app, Guid payment)
    {
        var sums = JsonSerializer.Deserialize<long[]>(await app.ScalarAsync<string>(
            """
            select json_build_array(p.card_refunded, p.points_refunded, l.amount, r.card, r.points, rl.amount)::text
              from payments p,
                   lateral (select sum(refunded_amount) as amount from payment_lines where payment_id = p.id) l,
                   lateral (select coalesce(sum(card), 0) as card, coalesce(sum(points), 0) as points
                              from refunds where payment_id = p.id and status <> 'FAILED') r,
                   lateral (select coalesce(sum(x.amount), 0) as amount
                              from refund_lines x join refunds y on y.id = x.refund_id
                             where y.payment_id = p.id and y.status <> 'FAILED') rl
             where p.id = @payment
            """, new { payment }))!;
        Assert.Equal((sums[0], sums[1]), (sums[3], sums[4]));
        Assert.Equal((sums[0] + sums[1], sums[0] + sums[1]), (sums[2], sums[5]));
        return (sums[0], sums[1]);
    }

    public static Task<string> RefundStatusAsync(this PaymentsApp app, Guid refund) =>
        app.ScalarAsync<string>("select status from refunds where id = @refund", new { refund });

    private static async Task<Answer> PostAsync(
        PaymentsApp app, Guid user, string path, object? body, string? key, bool admin)
    {
        using var client = app.ClientOf(user, admin);
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (body is not null) request.Content = JsonContent.Create(body, options: ShopJson.Options);
        if (key is not null) request.Headers.Add(IdempotencyKey.Header, key);
        using var response = await client.SendAsync(request);
        return await Answer.OfAsync(response);
    }
}
