using System.Net.Http.Json;
using System.Text;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>Whoever copies a database, a log, a stream or a trace learns nobody's name.</summary>
[Collection(SecurityShopCollection.Name)]
public sealed class PersonalDataDumpTests(SecurityShop security)
{
    private const string Password = "a-long-test-password";
    private const string LastEvent = "OrderPaid.v1";

    private readonly string _id = Guid.CreateVersion7().ToString("n")[20..];

    private string Email => $"needle.{_id}@haystack.example";

    private string Name => $"Nadelmann{_id} Ödön";

    private string Phone => $"+82 10 {Convert.ToInt64(_id, 16) % 100_000_000:d8}";

    private string Street => $"Heuhaufenweg {_id}";

    [Fact]
    public async Task No_database_log_stream_or_trace_holds_a_plain_e_mail_name_phone_or_address()
    {
        using var lived = new CancellationTokenSource();
        var streams = ReadStreamsAsync(lived.Token);
        var traceId = await LiveAsync();
        await lived.CancelAsync();
        await Eventually.HoldsAsync(
            () => Task.FromResult(security.Telemetry.Text("traces").Contains("DumpTestsEnd", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(60), $"the traces of everything arrived, also of {traceId}");

        var places = new Dictionary<string, string>
        {
            ["streams"] = await streams,
            ["logs"] = await StoredText.OfLogsAsync(security.Shop),
            ["exported traces"] = security.Telemetry.Text("traces"),
            ["exported logs"] = security.Telemetry.Text("logs"),
            ["exported metrics"] = security.Telemetry.Text("metrics"),
        };
        foreach (var database in StoredText.Databases)
        {
            places[database] = await StoredText.OfDatabaseAsync(security.Shop, database);
        }

        Assert.Contains(LastEvent, places["streams"], StringComparison.Ordinal);
        Assert.Contains(LastEvent, places["orderingdb"], StringComparison.Ordinal);
        Assert.Contains("address_keys", places["orderingdb"], StringComparison.Ordinal);
        // Metrics are sent once a minute, so there may be none yet.
        Assert.All(
            places.Where(place => place.Key is not "exported metrics"),
            place => Assert.True(place.Value.Length > 100, $"{place.Key} is empty"));
        var found =
            (from place in places
             from needle in Needles()
             where place.Value.Contains(needle.Text, StringComparison.OrdinalIgnoreCase)
             select $"{place.Key} hold the {needle.What}: "
                 + Around(place.Value, place.Value.IndexOf(needle.Text, StringComparison.OrdinalIgnoreCase))).ToList();
        Assert.True(found.Count == 0, string.Join("\n\n", found));
    }

    /// <summary>
    /// All that Redis had at any time: what every group has read is trimmed within seconds. An event may come after the
    /// answer that it follows from, so it goes on until the last one was there.
    /// </summary>
    private async Task<string> ReadStreamsAsync(CancellationToken lived)
    {
        var all = new StringBuilder();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        for (var hasLast = false; ;)
        {
            var isOver = lived.IsCancellationRequested;
            var text = await StoredText.OfRedisAsync(security.Shop);
            all.Append(text);
            hasLast |= text.Contains(LastEvent, StringComparison.Ordinal);
            if (isOver && (hasLast || patience.IsCancellationRequested)) return all.ToString();
            await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
        }
    }

    /// <summary>All that a person does with what names them, right and wrong.</summary>
    private async Task<Guid> LiveAsync()
    {
        var (shop, identity) = (security.Shop, security.Shop.Identity);
        var user = new { email = Email, password = Password, name = Name, phone = Phone };
        Assert.Equal(201, (int)(await identity.PostAsync("/users", user)).Status);
        Assert.Equal(409, (int)(await identity.PostAsync("/users", user)).Status);
        Assert.Equal(400, (int)(await identity.PostAsync("/users", user with { password = Email })).Status);
        Assert.Equal(400, (int)(await identity.PostAsync("/users", user with { phone = $"{Phone} {Name}" })).Status);
        Assert.Equal(401, (int)(await identity.PostAsync(
            "/auth/login", new { email = Email, password = Street })).Status);

        var buyer = await shop.SignInAsync(Email, Password);
        Assert.Equal(Email, (await buyer.Identity.AskAsync("/users/me")).Text("email"));
        using var changed = await buyer.Identity.PatchAsJsonAsync("/users/me", new { name = Name, phone = Phone });
        Assert.Equal(200, (int)changed.StatusCode);
        using var malformed = new StringContent($$"""{"name":"{{Name}}",}""", Encoding.UTF8, "application/json");
        Assert.Equal(400, (int)(await buyer.Identity.PatchAsync("/users/me", malformed)).StatusCode);

        var order = await OrderAsync(buyer);
        await shop.Catalog.AskAsync($"/products?query={Uri.EscapeDataString(Name)}");
        Assert.Equal(404, (int)(await buyer.Ordering.AskAsync($"/orders/{Uri.EscapeDataString(Email)}")).Status);

        await SendEndMarkAsync(shop);
        return order;
    }

    private async Task<Guid> OrderAsync(ShopUser buyer)
    {
        var product = await buyer.Shop.PlentifulProductAsync();
        object Body(string? card) => new
        {
            lines = new[] { new { productId = product, quantity = 1 } },
            shippingAddress = new { recipient = Name, street = Street, phone = Phone },
            payment = card is null ? null : new { method = "CARD", cardToken = card },
        };
        var key = NewKey();
        var paid = await buyer.Ordering.PostAsync("/orders", Body("tok_ok"), key);
        Assert.Equal(201, (int)paid.Status);
        Assert.Equal(paid.Id, (await buyer.Ordering.PostAsync("/orders", Body("tok_ok"), key)).Id);
        Assert.Equal(402, (int)(await buyer.Ordering.PostAsync("/orders", Body("tok_declined"), NewKey())).Status);
        Assert.Equal(201, (int)(await buyer.Ordering.PostAsync("/orders", Body(null))).Status);
        Assert.Equal(400, (int)(await buyer.Ordering.PostAsync("/orders", new { shippingAddress = Street })).Status);
        await buyer.OrderBecomesAsync(paid.Id, "PAID");
        return paid.Id;
    }

    // A trace state is exported as it came: once its mark has arrived, so have the spans before it.
    private static async Task SendEndMarkAsync(ShopApp shop)
    {
        foreach (var service in ApiDocuments.Services)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json");
            request.Headers.Add("traceparent", $"00-{Guid.CreateVersion7():n}-00000000000000aa-01");
            request.Headers.Add("tracestate", "shop=DumpTestsEnd");
            using var answer = await shop.Client(service).SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }
    }

    private IEnumerable<(string What, string Text)> Needles()
    {
        (string What, string Text)[] plain =
        [
            ("e-mail", Email), ("name", Name.Split(' ')[0]), ("phone", Phone), ("phone's digits", Phone[7..]),
            ("address", Street),
        ];
        foreach (var (what, text) in plain)
        {
            yield return (what, text);
            yield return ($"{what} in hex", Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)));
            yield return ($"{what} in an address", Uri.EscapeDataString(text));
            // Whatever stands before it, one of the three ways that Base64 can cut a text is there.
            for (var skipped = 0; skipped < 3; skipped++)
            {
                var bytes = Encoding.UTF8.GetBytes(text)[skipped..];
                yield return ($"{what} in Base64", Convert.ToBase64String(bytes[..(bytes.Length / 3 * 3)]));
            }
        }
    }

    private static string Around(string text, int at) =>
        text[Math.Max(0, at - 150)..Math.Min(text.Length, at + 150)];
}
