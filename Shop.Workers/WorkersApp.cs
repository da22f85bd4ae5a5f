using Shop.Catalog;
using Shop.Identity;
using Shop.Ordering;
using Shop.Payments;
using Shop.ServiceDefaults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Proof;
using Shop.ServiceDefaults.Scheduling;
using Shop.Workers.Proof;

namespace Shop.Workers;

/// <summary>The whole process, apart from Program so that a test can ask what it would run.</summary>
internal static class WorkersApp
{
    /// <param name="configure">A test's own settings, which win over the defaults.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        configure?.Invoke(builder);
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
        builder.AddRulesBetweenServices();
        builder.AddProver();
        builder.AddProofRuns<OrderingDb>();
        builder.Services.AddSingleton<AuditReader>();
        builder.AddScheduler();

        var app = builder.Build();
        app.MapServiceDefaults();
        app.MapWorkers();
        return app;
    }
}
