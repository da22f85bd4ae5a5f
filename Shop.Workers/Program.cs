using Shop.Catalog;
using Shop.Identity;
using Shop.Ordering;
using Shop.Payments;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Scheduling;
using Shop.Workers;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddRedisClient("cache");

builder.AddIdentityBackground();
builder.AddCatalogBackground();
builder.AddOrderingBackground();
builder.AddPaymentsBackground();

builder.AddOutboxRelay<IdentityDb>();
builder.AddOutboxRelay<CatalogDb>();
builder.AddOutboxRelay<OrderingDb>();
builder.AddOutboxRelay<PaymentsDb>();

builder.AddMessagingUpkeep();
builder.Services.AddSingleton<AuditReader>();
builder.AddScheduler();

var app = builder.Build();
app.MapServiceDefaults();
app.MapWorkers();
await app.RunAsync();
