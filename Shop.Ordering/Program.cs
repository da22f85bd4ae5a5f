using Shop.Ordering;
using Shop.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddOrdering();

var app = builder.Build();
app.MapServiceDefaults();
app.MapOrdering();
await app.RunAsync();
