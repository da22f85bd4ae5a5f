using Shop.Catalog.Caching;
using Shop.Catalog.Popularity;
using Shop.Catalog.Products;
using Shop.Catalog.Samples;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;

namespace Shop.Catalog;

internal static class CatalogServices
{
    /// <summary>What the HTTP half of Catalog needs beyond the service defaults.</summary>
    public static void AddCatalog(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase<CatalogDb>("catalogdb");
        // No health check: without Redis this service answers all the same.
        builder.AddRedisClient("cache", redis => redis.DisableHealthChecks = true);
        builder.AddProductCache();
        builder.Services.AddSingleton(PopularityOptions.From(builder.Configuration));
        builder.Services.AddSingleton<Ranking>();
        builder.Services.AddSingleton<ReserveMany>();
        builder.Services.AddSingleton(services => new SharedCommit<ReserveStock.Call, ReserveStock.Response>(
            services.GetRequiredService<ReserveMany>().FlushAsync));
        builder.Services.AddHostedService(
            services => services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>());
        builder.Services.ConfigureHttpJsonOptions(
            json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, CatalogJson.Default));
        if (builder.Environment.IsDevelopment()) builder.Services.AddHostedService<SampleProductsService>();
    }

    /// <summary>The cache of what buyers read: its own half reads it, the background half ends its entries.</summary>
    public static void AddProductCache(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton(CacheOptions.From(builder.Configuration));
        builder.Services.AddSingleton<RedisLinkService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RedisLinkService>());
        builder.Services.AddSingleton<RedisCache>();
        builder.Services.AddSingleton<ProductCache>();
    }
}
