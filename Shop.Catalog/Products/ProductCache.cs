using System.Text.Json;
using Shop.Catalog.Caching;
using Shop.ServiceDefaults.Http;

namespace Shop.Catalog.Products;

/// <summary>
/// What buyers read of products, kept in Redis for half a second, so that a rush on a product costs PostgreSQL two
/// reads a second. An entry counts only under the generation that it was read in: every change of a product begins
/// another, so no entry of before can come back, however late its writer is. Sellers and admins read PostgreSQL.
/// </summary>
internal sealed class ProductCache(
    RedisCache cache, CacheOptions options, IServiceScopeFactory scopes, TimeProvider clock)
{
    private const string GenerationKey = "products:generation";
    private static readonly TimeSpan GenerationLife = TimeSpan.FromHours(1);

    private readonly SingleFlight _flights = new();

    private sealed record Entry<T>(string Generation, long ReadAt, T Value);

    /// <summary>The value from Redis, else from <paramref name="read"/>; null is not kept.</summary>
    public async Task<T?> GetAsync<T>(
        string key, Func<CatalogDb, CancellationToken, Task<T?>> read, CancellationToken ct)
        where T : class
    {
        if (await cache.GetAsync(GenerationKey, "products:" + key) is not [var generation, var text])
        {
            // Redis is away: nobody would be told of a change, so nobody shares a read that may have begun before it.
            return await ReadAsync(read, ct);
        }

        generation ??= "";
        if (text is not null
            && JsonSerializer.Deserialize<Entry<T>>(text, ShopJson.Options) is { } entry
            && entry.Generation == generation && IsFresh(entry.ReadAt))
        {
            return entry.Value;
        }

        return await _flights.RunAsync(
            $"{generation}:{key}",
            async () =>
            {
                var readAt = clock.GetUtcNow();
                var value = await ReadAsync(read, CancellationToken.None);
                if (value is not null)
                {
                    var fresh = new Entry<T>(generation, readAt.ToUnixTimeMilliseconds(), value);
                    await cache.SetAsync(
                        "products:" + key, JsonSerializer.Serialize(fresh, ShopJson.Options), options.ProductAge);
                }

                return value;
            },
            ct);
    }

    /// <summary>Makes every entry of now worthless. Without Redis they end by themselves in half a second.</summary>
    public Task BeginGenerationAsync() =>
        cache.SetAsync(GenerationKey, Guid.CreateVersion7().ToString("N"), GenerationLife);

    // Redis counts from the write, which may come late; stock ages from the read.
    private bool IsFresh(long readAt) =>
        (clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(readAt)).Duration() < options.ProductAge;

    private async Task<T?> ReadAsync<T>(Func<CatalogDb, CancellationToken, Task<T?>> read, CancellationToken ct)
    {
        // A scope of its own: those who share the read may outlive the request that began it.
        await using var scope = scopes.CreateAsyncScope();
        return await read(scope.ServiceProvider.GetRequiredService<CatalogDb>(), ct);
    }
}
