using System.Net.Http.Json;

namespace Shop.Bench;

/// <summary>Customers as anybody can become one: registered and signed in through Identity.</summary>
internal static class Buyers
{
    private const int AtOnce = 4;
    private const string Password = "a-password-for-the-bench";

    public static async Task<IReadOnlyList<string>> SignInAsync(Uri identity, int count, CancellationToken ct)
    {
        using var client = new HttpClient { BaseAddress = identity };
        var tokens = new string[count];
        await Parallel.ForAsync(
            0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (i, stop) =>
            {
                var email = $"bench-{i}@shop.example";
                await RegisterAsync(client, email, stop);
                tokens[i] = await SignInAsync(client, email, stop);
            });
        return tokens;
    }

    /// <summary>The token of somebody who may see the proof.</summary>
    public static async Task<string> SignInAdminAsync(Uri identity, string identitydb, CancellationToken ct)
    {
        const string email = "bench-admin@shop.example";
        using var client = new HttpClient { BaseAddress = identity };
        await Databases.MakeAdminAsync(identitydb, await RegisterAsync(client, email, ct), ct);
        return await SignInAsync(client, email, ct);
    }

    private static async Task<Guid> RegisterAsync(HttpClient identity, string email, CancellationToken ct)
    {
        using var answer = await identity.PostAsJsonAsync(
            "/users", new { email, password = Password, name = "Bench Buyer" }, ct);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Registered>(ct))!.Id;
    }

    private static async Task<string> SignInAsync(HttpClient identity, string email, CancellationToken ct)
    {
        using var answer = await identity.PostAsJsonAsync("/auth/login", new { email, password = Password }, ct);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Tokens>(ct))!.AccessToken;
    }

    private sealed record Registered(Guid Id);

    private sealed record Tokens(string AccessToken);
}
