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
            async (i, stop) => tokens[i] = await SignInAsync(client, $"bench-{i}@shop.example", stop));
        return tokens;
    }

    private static async Task<string> SignInAsync(HttpClient identity, string email, CancellationToken ct)
    {
        using var registered = await identity.PostAsJsonAsync(
            "/users", new { email, password = Password, name = "Bench Buyer" }, ct);
        registered.EnsureSuccessStatusCode();
        using var answer = await identity.PostAsJsonAsync("/auth/login", new { email, password = Password }, ct);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<Tokens>(ct))!.AccessToken;
    }

    private sealed record Tokens(string AccessToken);
}
