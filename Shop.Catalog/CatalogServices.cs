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
        builder.Services.AddSingleton(services => new SharedCommit<ReserveStock.Call, ReserveStock.Response>(
            (calls, ct) => ReserveMany.FlushAsync(services.GetRequiredService<Database<CatalogDb>>(), calls, ct)));
        builder.Services.AddHostedService(
            services => services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>());
        builder.Services.ConfigureHttpJsonOptions(
            json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, CatalogJson.Default));
        if (builder.Environment.IsDevelopment()) builder.Services.AddHostedService<SampleProductsService>();
    }
}
