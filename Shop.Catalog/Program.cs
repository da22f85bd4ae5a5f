using Shop.Catalog;
using Shop.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCatalog();

var app = builder.Build();
app.MapServiceDefaults();
app.MapCatalog();
await app.RunAsync();
