using Shop.Catalog;
using Shop.Catalog.Samples;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Data;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddDatabase<CatalogDb>("catalogdb");
builder.Services.AddSingleton(services => new SharedCommit<ReserveStock.Call, ReserveStock.Response>(
    (calls, ct) => ReserveMany.FlushAsync(services.GetRequiredService<Database<CatalogDb>>(), calls, ct)));
builder.Services.AddHostedService(
    services => services.GetRequiredService<SharedCommit<ReserveStock.Call, ReserveStock.Response>>());
builder.Services.ConfigureHttpJsonOptions(
    json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, CatalogJson.Default));
if (builder.Environment.IsDevelopment()) builder.Services.AddHostedService<SampleProductsService>();

var app = builder.Build();
app.MapServiceDefaults();
app.MapCatalog();
await app.RunAsync();
