using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Payments.Points;
using Shop.Payments.Proof;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>A customer's points over HTTP, and what the books say of everybody's.</summary>
public sealed class Wallet(PaymentsApp app, Guid user)
{
    public async Task<Answer> ChargeAsync(long amount, string? token = "tok_ok", string? key = "charge-1")
    {
        using var client = app.ClientOf(user);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/points/charge")
        {
            Content = JsonContent.Create(new ChargePoints.Request(amount, token), options: ShopJson.Options),
        };
        if (key is not null) request.Headers.Add(IdempotencyKey.Header, key);
        using var response = await client.SendAsync(request);
        return await Answer.OfAsync(response);
    }

    /// <summary>Charges and runs the workers until nothing is left to do; the answer is the top-up's payment.</summary>
    public async Task<Guid> ChargedAsync(long amount, string key = "charge-1")
    {
        var answer = await ChargeAsync(amount, key: key);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        await app.DeliverAsync();
        Assert.Equal("COMPLETED", await app.StatusAsync(answer.PaymentId));
        return answer.PaymentId;
    }

    public async Task<(long Available, long Held)> PointsAsync()
    {
        using var client = app.ClientOf(user);
        var points = await client.GetFromJsonAsync<JsonElement>("/points");
        return (points.GetProperty("available").GetInt64(), points.GetProperty("held").GetInt64());
    }

    /// <summary>The statement, oldest first: kind and amount of each entry.</summary>
    public async Task<IReadOnlyList<string>> StatementAsync()
    {
        using var client = app.ClientOf(user);
        var page = await client.GetFromJsonAsync<JsonElement>("/points/entries");
        return [.. page.GetProperty("items").EnumerateArray().Reverse()
            .Select(entry => $"{entry.GetProperty("kind").GetString()} {entry.GetProperty("amount").GetInt64()}")];
    }

    /// <summary>Every rule of points holds for everybody, and there is somebody it holds for.</summary>
    /// <param name="ledger">False for a test without payments and refunds: the ledger's postings are theirs.</param>
    public static async Task AssertBooksHoldAsync(PaymentsApp app, bool ledger = true)
    {
        var entries = await app.ScalarAsync<long>("select count(*) from points_entries");
        Assert.NotEqual(0, entries);
        await MoneyRules.HoldAsync(app, PointsRules.All, isEmptyRed: false);
        if (ledger) await MoneyRules.HoldAsync(app, [PointsRules.InTheLedger], isEmptyRed: false);
    }
}
