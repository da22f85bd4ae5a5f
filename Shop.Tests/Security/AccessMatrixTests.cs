using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>
/// Every endpoint of every OpenAPI document x every kind of caller, against <see cref="AccessTable"/>.
/// </summary>
[Collection(SecurityShopCollection.Name)]
public sealed class AccessMatrixTests(SecurityShop security)
{
    [Fact]
    public async Task Every_endpoint_answers_each_kind_of_caller_as_the_table_says()
    {
        var documents = await ApiDocuments.ReadAsync(security.Shop);
        var callers = await Callers.GatherAsync(security);
        var rows = AccessTable.Rows;
        var wrong = new List<string>();
        foreach (var row in rows)
        {
            foreach (var caller in callers.Names)
            {
                var (status, body) = await AskAsync(row, caller, callers);
                if (status != row.Expected(caller))
                {
                    wrong.Add($"{row.Name} answered {caller} {status}, not {row.Expected(caller)}: {body}");
                }
                else if (ConfirmsWhatItRefuses(status, body, callers.Subjects))
                {
                    wrong.Add($"{row.Name} told {caller} about what it refused: {body}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task No_endpoint_is_without_a_row_and_no_row_without_an_endpoint()
    {
        var endpoints = (await ApiDocuments.ReadAsync(security.Shop)).Endpoints;

        Assert.Empty(endpoints
            .Where(endpoint => !AccessTable.Rows.Any(row => row.IsAbout(endpoint)))
            .Select(endpoint => endpoint.Name));
        Assert.Empty(AccessTable.Rows.Where(row => !endpoints.Any(row.IsAbout)).Select(row => row.Name));
    }

    // Also of what is still to come: a row can be wrong before its endpoint is.
    [Fact]
    public void No_row_lets_a_customer_or_a_seller_into_what_is_internal()
    {
        string[] closed = ["/internal/", "/ops/", "/proof"];
        var inside = AccessTable.Rows
            .Where(row => closed.Any(part => row.Address.StartsWith(part, StringComparison.Ordinal)))
            .ToList();

        Assert.NotEmpty(inside);
        Assert.All(inside, row => Assert.Equal(
            (401, 403, 403, 403, 403, 403),
            (row.Nobody, row.Buyer, row.Other, row.Seller, row.Rival, row.Wrong)));
    }

    [Fact]
    public async Task What_is_forged_would_get_in_if_it_were_right()
    {
        var right = Forgery.Right(await security.SigningKeyAsync());

        Assert.Equal(200, (int)(await security.Shop.Client("workers", right).AskAsync("/ops/outbox")).Status);
    }

    [Fact]
    public async Task A_strangers_order_has_no_payments_to_show()
    {
        var callers = await Callers.GatherAsync(security);
        var payments = new Uri($"/payments?orderId={callers.Subjects.Order}", UriKind.Relative);
        async Task<int> CountAsync(string caller) => (await security.Shop
            .Client("payments", callers.TokenOf(caller, "payments")).AskAsync(payments.ToString()))
            .Body.GetProperty("items").GetArrayLength();

        Assert.Equal(
            (1, 0, 0, 1),
            (await CountAsync(Callers.Buyer), await CountAsync(Callers.Other), await CountAsync(Callers.Seller),
             await CountAsync(Callers.Admin)));
    }

    private async Task<(int Status, string Body)> AskAsync(AccessRow row, string caller, Callers callers)
    {
        using var request = new HttpRequestMessage(row.Method, callers.Subjects.Fill(row.Address));
        if (row.Body is { Length: > 0 } body)
        {
            request.Content = new StringContent(callers.Subjects.Fill(body), Encoding.UTF8, "application/json");
        }

        if (callers.TokenOf(caller, row.ServiceName) is { } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        request.Headers.Add("Idempotency-Key", NewKey());
        request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        using var answer = await security.Client(row.ServiceName).SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    // A refusal is the same whether the thing is there or not: it names nothing but its own trace.
    private static bool ConfirmsWhatItRefuses(int status, string body, Subjects subjects)
    {
        if (status is not (401 or 403 or 404) || body.Length == 0) return false;
        var problem = JsonDocument.Parse(body).RootElement;
        return problem.EnumerateObject().Any(field => field.Name is not ("type" or "title" or "status" or "detail"
                or "traceId"))
            || body.Contains($"{subjects.User}", StringComparison.Ordinal)
            || body.Contains($"{subjects.Order}", StringComparison.Ordinal);
    }
}
