using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Scheduling;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddRedisClient("cache");
builder.AddScheduler();

var app = builder.Build();
app.MapServiceDefaults();
await app.RunAsync();
