using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>A customer's points over HTTP, and what the books say of everybody's.</summary>
public sealed class Wallet(PaymentsApp app, Guid user)
{
    // The rules of points, each answering whom it does not hold for.
    private static readonly string[] Rules =
    [
        """
        select a.user_id from points_accounts a
         where a.available < 0 or a.held < 0
            or a.available + a.held
               <> (select coalesce(sum(e.amount), 0) from points_entries e where e.user_id = a.user_id)
        """,
        """
        select a.user_id from points_accounts a
         where a.available <> (select coalesce(sum(l.available), 0) from points_lots l where l.user_id = a.user_id)
            or a.held <> (select coalesce(sum(l.held), 0) from points_lots l where l.user_id = a.user_id)
        """,
        """
        select a.user_id from points_accounts a
         where a.held <> (select coalesce(sum(h.amount), 0) from points_holds h
                           where h.user_id = a.user_id and h.status = 'HELD')
        """,
        """
        select l.id from points_lots l
         where l.held <> (select coalesce(sum(part.amount), 0)
                            from points_hold_lots part join points_holds h on h.id = part.hold_id
                           where part.lot_id = l.id and h.status = 'HELD')
        """,
        """
        select h.id from points_holds h
         where h.amount <> (select coalesce(sum(part.amount), 0) from points_hold_lots part where part.hold_id = h.id)
        """,
        """
        select e.user_id
          from (select user_id, number, balance,
                       sum(amount) over (partition by user_id order by number) as running,
                       row_number() over (partition by user_id order by number) as nth
                  from points_entries) e
         where e.balance <> e.running or e.number <> e.nth
        """,
        """
        select h.user_id from (select a.user_id, a.held,
                                      (select coalesce(-sum(e.amount), 0) from ledger_entries e
                                        where e.account = 'held-points:' || a.user_id) as owed
                                 from points_accounts a) h
         where h.held <> h.owed
        """,
        """
        select a.user_id from points_accounts a
         where a.entries <> (select count(*) from points_entries e where e.user_id = a.user_id)
        """,
    ];

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
    public static async Task AssertBooksHoldAsync(PaymentsApp app)
    {
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        Assert.NotEqual(0, await connection.ExecuteScalarAsync<long>("select count(*) from points_entries"));
        foreach (var rule in Rules) Assert.Empty(await connection.QueryAsync<Guid>(rule));
    }
}
