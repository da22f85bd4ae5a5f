using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Authentication;

/// <summary>
/// The public keys that tokens are checked with. Fetched when the first token is seen, then in the background, and at
/// once for a token whose key is unknown (not more often than the pause allows). While Identity is away the last
/// known keys go on; keys that left its set are gone with the next fetch.
/// </summary>
internal sealed partial class SigningKeys(
    ISigningKeySource source, IOptions<TokenOptions> options, TimeProvider clock, ILogger<SigningKeys> log)
    : BackgroundService
{
    private readonly SemaphoreSlim _fetching = new(1, 1);
    private readonly TaskCompletionSource _needed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile FrozenDictionary<string, JsonWebKey>? _keys;
    private long _lastFetch;
    private bool _failing;

    /// <summary>The key of that id, or null where it is not (or no longer) published.</summary>
    public JsonWebKey? Find(string? keyId) => keyId is not null && _keys?.TryGetValue(keyId, out var key) == true
        ? key
        : null;

    /// <summary>
    /// Sees to it that the key is known if it is published. Throws <see cref="ServiceUnavailableException"/> if no key
    /// was ever fetched: then no token can be told from another, and saying "invalid" would be a lie.
    /// </summary>
    public async ValueTask EnsureAsync(string? keyId, CancellationToken ct)
    {
        if (Find(keyId) is not null) return;
        _needed.TrySetResult();
        await _fetching.WaitAsync(ct);
        try
        {
            // One caller fetches; those who waited for it find the key, or that the pause is not over.
            if (Find(keyId) is null && MayFetch()) await FetchAsync(ct);
        }
        finally
        {
            _fetching.Release();
        }

        if (_keys is null)
        {
            throw new ServiceUnavailableException(
                ServiceTokens.IdentityService, options.Value.Pause, mayHaveArrived: false);
        }
    }

    public override void Dispose()
    {
        _fetching.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _needed.Task.WaitAsync(stoppingToken);
            using var timer = new PeriodicTimer(options.Value.Refresh, clock);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await _fetching.WaitAsync(stoppingToken);
                try
                {
                    await FetchAsync(stoppingToken);
                }
                finally
                {
                    _fetching.Release();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private bool MayFetch() => _lastFetch == 0 || clock.GetElapsedTime(_lastFetch) >= options.Value.Pause;

    private async Task FetchAsync(CancellationToken ct)
    {
        _lastFetch = clock.GetTimestamp();
        try
        {
            _keys = Read(await source.ReadAsync(ct), _keys);
            if (_failing) LogRecovered();
            _failing = false;
        }
        catch (Exception failure)
            when (failure is ServiceUnavailableException or HttpRequestException or JsonException
                or KeyNotFoundException or InvalidOperationException)
        {
            // Said once per outage: the keys at hand go on.
            if (!_failing) LogFailed(failure);
            _failing = true;
        }
    }

    // Only what an ES256 signature is checked with. A key that stays keeps its object: what was cached by it holds on.
    private static FrozenDictionary<string, JsonWebKey> Read(string jwks, FrozenDictionary<string, JsonWebKey>? known)
    {
        using var document = JsonDocument.Parse(jwks);
        var keys = new Dictionary<string, JsonWebKey>();
        foreach (var json in document.RootElement.GetProperty("keys").EnumerateArray())
        {
            if (Text(json, "kty") != "EC" || Text(json, "crv") != "P-256" || Text(json, "use") is not (null or "sig"))
            {
                continue;
            }

            if (Text(json, "kid") is not { } id) continue;
            if (Text(json, "x") is not { } x || Text(json, "y") is not { } y) continue;
            keys[id] = known?.GetValueOrDefault(id) is { } same && same.X == x && same.Y == y
                ? same
                : new JsonWebKey { Kty = "EC", Crv = "P-256", Kid = id, X = x, Y = y, Alg = "ES256", Use = "sig" };
        }

        return keys.ToFrozenDictionary();
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetString() : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing keys cannot be fetched; those at hand go on.")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing keys can be fetched again.")]
    private partial void LogRecovered();
}

/// <summary>Identity's published set.</summary>
internal sealed class PublishedSigningKeys(IHttpClientFactory clients) : ISigningKeySource
{
    public Task<string> ReadAsync(CancellationToken ct) =>
        clients.CreateClient(ServiceTokens.ClientName).GetStringAsync("/.well-known/jwks.json", ct);
}
