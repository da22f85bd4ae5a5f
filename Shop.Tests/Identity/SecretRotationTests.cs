using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Shop.Identity.Users;

namespace Shop.Tests.Identity;

/// <summary>The secret under which everything is sealed is replaced, while replicas of before and after run.</summary>
public sealed class SecretRotationTests(IdentityService identity) : IClassFixture<IdentityService>
{
    private const string NewSecret = "--Identity:KeyEncryptionKey=the-next-key-encryption-key";

    [Fact]
    public async Task Users_log_in_and_see_themselves_before_during_and_after_and_the_old_secret_can_go()
    {
        var (id, email) = await identity.RegisterAsync();
        var before = await RawAsync(id);
        await using var during = identity.Build(
            NewSecret, $"--Identity:FormerKeyEncryptionKeys:0={IdentityService.Secret}");
        await during.StartAsync();

        Assert.Equal(email, await SeesAsync(during, email));
        Assert.Equal(409, await RegisterAgainAsync(during, email));
        var resealing = during.Services.GetRequiredService<ResealUsersService>();
        await resealing.RunAsync(CancellationToken.None);
        Assert.Equal(0, await resealing.RunAsync(CancellationToken.None));
        var resealed = await RawAsync(id);
        Assert.NotEqual(before.Email, resealed.Email);
        Assert.NotEqual(before.Name, resealed.Name);
        Assert.Equal(before.EmailHash, resealed.EmailHash);
        Assert.Equal(before.Version, resealed.Version);

        await using var after = identity.Build(NewSecret);
        await after.StartAsync();
        Assert.Equal(email, await SeesAsync(after, email));
        Assert.Equal(409, await RegisterAgainAsync(after, email));
        await using var stale = identity.Build();
        await Assert.ThrowsAnyAsync<CryptographicException>(() => stale.StartAsync());
    }

    private static async Task<string?> SeesAsync(WebApplication replica, string email)
    {
        using var http = new HttpClient { BaseAddress = new Uri(replica.Urls.First()) };
        using var login = await http.PostAsJsonAsync("/auth/login", new { email, password = IdentityService.Password });
        var token = (await IdentityService.JsonAsync(login, 200)).GetProperty("accessToken").GetString();
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        return (await http.GetFromJsonAsync<JsonElement>("/users/me")).GetProperty("email").GetString();
    }

    private static async Task<int> RegisterAgainAsync(WebApplication replica, string email)
    {
        using var http = new HttpClient { BaseAddress = new Uri(replica.Urls.First()) };
        using var answer = await http.PostAsJsonAsync(
            "/users", new { email = email.ToUpperInvariant(), password = IdentityService.Password, name = "A" });
        return (int)answer.StatusCode;
    }

    private async Task<Raw> RawAsync(Guid id) => Assert.Single(await identity.QueryAsync<Raw>(
        "select version, email_hash as EmailHash, email, name from users where id = @id", new { id }));

    private sealed record Raw(long Version, byte[] EmailHash, byte[] Email, byte[] Name);
}
