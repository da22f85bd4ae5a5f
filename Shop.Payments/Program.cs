using Shop.Payments;
using Shop.Payments.Orders;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Http;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddPaymentsCore();
builder.AddServiceClient<OrderingClient>("ordering");
builder.Services.AddValidation();

var app = builder.Build();
app.MapServiceDefaults();
app.MapPayments();
await app.RunAsync();
