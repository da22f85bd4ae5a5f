using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Identity;
using Shop.Identity.Keys;

namespace Shop.Tests.Identity;

public sealed class SigningKeyTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    // A key signs for 30 days and is published an hour ahead.
    [Theory]
    [InlineData(null, 0.0)] // No key: one that signs at once.
    [InlineData(0.0, null)]
    [InlineData(-29.9, null)]
    [InlineData(-29.95 - (1 / 24.0), 1 / 24.0)] // The next one is due in less than an hour: an hour is what it gets.
    [InlineData(-400.0, 1 / 24.0)] // Long overdue: published ahead all the same.
    [InlineData(0.5, null)] // The next one is there already and has not begun.
    public void A_key_is_made_an_hour_before_its_turn(double? newestDaysFromNow, double? activationDaysFromNow)
    {
        var newest = newestDaysFromNow is { } days ? Now.AddDays(days) : (DateTimeOffset?)null;

        var activation = KeyPlan.NextActivation(Now, newest, new IdentityOptions());

        if (activationDaysFromNow is not { } expected) Assert.Null(activation);
        else Assert.Equal(Now.AddDays(expected), activation!.Value, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void The_latest_key_that_has_begun_signs()
    {
        var old = SigningKey.Create(Now.AddDays(-60));
        var current = SigningKey.Create(Now.AddDays(-1));
        var next = SigningKey.Create(Now.AddHours(1));

        Assert.Same(current, KeyPlan.Signing(Now, [old, current, next]));
        Assert.Same(next, KeyPlan.Signing(Now.AddHours(1), [old, current, next]));
        Assert.Same(next, KeyPlan.Signing(Now, [next]));
    }
}

public sealed class KeyRotationTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task A_key_is_published_before_it_signs_and_until_its_last_token_is_over()
    {
        var keys = identity.Services.GetRequiredService<SigningKeys>();
        var (_, email) = await identity.RegisterAsync();
        var first = (await identity.SignInAsync(email)).Jwt.Kid;

        identity.Clock.Advance(TimeSpan.FromDays(30) - TimeSpan.FromMinutes(50));
        await keys.RefreshAsync(CancellationToken.None);
        var published = await PublishedAsync();
        Assert.Equal(2, published.Length);
        Assert.Contains(first, published);
        Assert.Equal(first, (await identity.SignInAsync(email)).Jwt.Kid);

        identity.Clock.Advance(TimeSpan.FromMinutes(61));
        var second = (await identity.SignInAsync(email)).Jwt.Kid;
        Assert.NotEqual(first, second);
        await keys.RefreshAsync(CancellationToken.None);
        Assert.Equal(published, await PublishedAsync());

        identity.Clock.Advance(TimeSpan.FromMinutes(16));
        await keys.RefreshAsync(CancellationToken.None);
        Assert.Equal([second], await PublishedAsync());
    }

    [Fact]
    public async Task Many_replicas_make_one_key_and_sign_with_it()
    {
        await using var other = identity.Build();
        await other.StartAsync();
        var otherKeys = other.Services.GetRequiredService<SigningKeys>();
        var keys = identity.Services.GetRequiredService<SigningKeys>();
        identity.Clock.Advance(TimeSpan.FromDays(31));

        await Task.WhenAll(Enumerable.Range(0, 10).Select(
            i => (i % 2 == 0 ? keys : otherKeys).RefreshAsync(CancellationToken.None)));
        await keys.RefreshAsync(CancellationToken.None);

        Assert.Equal(2, (await PublishedAsync()).Length);
        Assert.Equal(keys.Signing.Id, otherKeys.Signing.Id);
        identity.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(keys.Signing.Id, otherKeys.Signing.Id);
    }

    [Fact]
    public async Task Private_keys_are_stored_encrypted_and_another_secret_does_not_start()
    {
        var rows = await identity.QueryAsync<byte[]>("select private_key_encrypted from signing_keys");
        foreach (var row in rows)
        {
            using var ecdsa = ECDsa.Create();
            Assert.ThrowsAny<CryptographicException>(() => ecdsa.ImportPkcs8PrivateKey(row, out _));
        }

        await using var stranger = identity.Build("--Identity:KeyEncryptionKey=another-secret-of-the-tests");
        Assert.NotEmpty(rows);
        await Assert.ThrowsAnyAsync<CryptographicException>(() => stranger.StartAsync());
    }

    [Fact]
    public async Task The_discovery_document_names_the_key_set()
    {
        var document = await IdentityService.JsonAsync(
            await identity.Http.GetAsync("/.well-known/openid-configuration"), 200);
        var set = await identity.Http.GetAsync("/.well-known/jwks.json");

        Assert.Equal("http://identity", document.GetProperty("issuer").GetString());
        Assert.Equal("http://identity/.well-known/jwks.json", document.GetProperty("jwks_uri").GetString());
        Assert.Equal("http://identity/auth/token", document.GetProperty("token_endpoint").GetString());
        Assert.Equal("application/jwk-set+json", set.Content.Headers.ContentType!.MediaType);
        Assert.DoesNotContain("\"d\"", await set.Content.ReadAsStringAsync());
    }

    private async Task<string[]> PublishedAsync()
    {
        using var document = JsonDocument.Parse(await identity.Http.GetStringAsync("/.well-known/jwks.json"));
        return
        [
            .. document.RootElement.GetProperty("keys").EnumerateArray()
                .Select(key => key.GetProperty("kid").GetString()!),
        ];
    }
}
