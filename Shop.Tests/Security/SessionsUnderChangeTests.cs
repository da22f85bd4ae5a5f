using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>Signed-in users notice neither a new signing key nor that Identity is away.</summary>
[Collection(SecurityShopCollection.Name)]
public sealed class SessionsUnderChangeTests(SecurityShop security)
{
    private const int Users = 4;
    private const int Rotations = 2;
    private const int Requests = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Keys_that_rotate_under_load_drop_no_request()
    {
        var keys = new HashSet<string>();
        var refused = new List<string>();
        var asked = 0;
        using var enough = new CancellationTokenSource(Patience);

        await Task.WhenAll(Enumerable.Range(0, Users).Select(UseAsync));

        Assert.True(keys.Count > Rotations, $"{keys.Count} keys within {Patience}");
        Assert.True(refused.Count == 0, string.Join('\n', refused.Take(5)));
        Assert.True(asked > Requests, $"{asked} requests");

        async Task UseAsync(int user)
        {
            var session = await RegisterAsync();
            while (!enough.IsCancellationRequested)
            {
                lock (keys)
                {
                    keys.Add(new JsonWebToken(session.AccessToken).Kid);
                    if (keys.Count > Rotations && Volatile.Read(ref asked) > Requests) return;
                }

                foreach (var (service, path) in ((string, string)[])
                    [("identity", "/users/me"), ("ordering", "/orders/me"), ("payments", $"/payments/{NewKey()}")])
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, path);
                    request.Headers.Authorization = new("Bearer", session.AccessToken);
                    using var answer = await security.Client(service).SendAsync(request);
                    Interlocked.Increment(ref asked);
                    if ((int)answer.StatusCode is 200 or 404) continue;
                    lock (refused) refused.Add($"{service} {path}: {answer}");
                }

                session = await RefreshAsync(session.RefreshToken);
            }
        }
    }

    [Fact]
    public async Task Signed_in_users_go_on_while_Identity_is_stopped()
    {
        var shop = security.Shop;
        var buyer = await shop.NewBuyerAsync();
        var product = await shop.PlentifulProductAsync();
        // Both kinds of purchase once, so that each service has seen the keys and has a token of its own.
        var first = await buyer.PlaceAsync(product);
        Assert.Equal(202, (int)(await buyer.PayAsync(first.Id, "tok_ok")).Status);
        await buyer.OrderBecomesAsync(first.Id, "PAID");
        Assert.Equal(201, (int)(await buyer.PlaceAsync(product, card: "tok_ok")).Status);

        await shop.CommandAsync("identity", "stop");
        try
        {
            await shop.WaitUntilAsync("identity", "Exited");
            var placed = await buyer.PlaceAsync(product);
            Assert.Equal(201, (int)placed.Status);
            Assert.Equal(202, (int)(await buyer.PayAsync(placed.Id, "tok_ok")).Status);
            await buyer.OrderBecomesAsync(placed.Id, "PAID");
            Assert.Equal(201, (int)(await buyer.PlaceAsync(product, card: "tok_ok")).Status);
            Assert.Equal(401, (int)(await shop.Client("ordering", "no.token.atall").AskAsync("/orders/me")).Status);
        }
        finally
        {
            await shop.CommandAsync("identity", "start");
            await shop.WaitUntilHealthyAsync("identity");
        }

        Assert.Equal(200, (int)(await (await shop.NewBuyerAsync()).Ordering.AskAsync("/orders/me")).Status);
    }

    [Fact]
    public async Task A_refresh_token_that_comes_again_ends_every_token_of_its_login()
    {
        var first = await RegisterAsync();
        var second = await RefreshAsync(first.RefreshToken);

        using var reused = await PostRefreshAsync(first.RefreshToken);
        using var afterwards = await PostRefreshAsync(second.RefreshToken);

        Assert.Equal(401, (int)reused.StatusCode);
        Assert.Equal(401, (int)afterwards.StatusCode);
        Assert.Equal(
            await WithoutTraceAsync(reused), await WithoutTraceAsync(afterwards));
    }

    private async Task<Session> RegisterAsync()
    {
        var login = new { email = $"{Guid.CreateVersion7():n}@test.example", password = "a-long-test-password" };
        var made = await security.Shop.Identity.PostAsync("/users", new { login.email, login.password, name = "A" });
        Assert.Equal(201, (int)made.Status);
        using var answer = await security.Shop.Identity.PostAsJsonAsync("/auth/login", login);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Session>())!;
    }

    private async Task<Session> RefreshAsync(string refreshToken)
    {
        using var answer = await PostRefreshAsync(refreshToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Session>())!;
    }

    private Task<HttpResponseMessage> PostRefreshAsync(string refreshToken) =>
        security.Shop.Identity.PostAsJsonAsync("/auth/refresh", new { refreshToken });

    private static async Task<string> WithoutTraceAsync(HttpResponseMessage answer) => string.Join(
        ',', (await answer.Content.ReadFromJsonAsync<JsonElement>()).EnumerateObject()
            .Where(field => field.Name != "traceId").Select(field => $"{field.Name}={field.Value}"));

    private sealed record Session(string AccessToken, string RefreshToken);
}
