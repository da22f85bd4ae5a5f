using Microsoft.Extensions.Configuration;
using Shop.AppHost;
using Shop.AppHost.Control;
using Shop.AppHost.Infrastructure;

var builder = DistributedApplication.CreateBuilder(args);

// One sentence, not a stack trace, when a server is not installed or this shop already runs.
if (builder.WhyItCannotStart() is { } reason)
{
    await Console.Error.WriteLineAsync(reason);
    return 1;
}

// PostgreSQL and Redis as containers, native processes or servers of yours: see Infrastructure/Servers.cs.
var servers = builder.AddServers();
var cache = servers.Redis;
var identitydb = servers.AddDatabase("identitydb");
var catalogdb = servers.AddDatabase("catalogdb");
var orderingdb = servers.AddDatabase("orderingdb");
var paymentsdb = servers.AddDatabase("paymentsdb");
var sandboxdb = servers.AddDatabase("sandboxdb");

// Random when they are not given under Parameters:; what is generated is kept for the next start.
var samplePassword = builder.AddParameter("sample-password", "shop-sample-password", secret: true);
var roleSecret = builder.AddSecret("database-role-secret");
var sandboxKey = builder.AddSecret("sandbox-api-key");
var sandboxWebhookSecret = builder.AddSecret("sandbox-webhook-secret");

var apis = builder.Configuration.GetValue("Replicas:Api", 1);
var workerReplicas = builder.Configuration.GetValue("Replicas:Workers", 1);

// Every service waits for its own databases alone: it applies its schema before it answers. Who calls another service
// does not wait for it, since it has to live without it at any later moment too.
var identity = builder.AddService<Projects.Shop_Identity>("identity")
    .WithReplicas(apis)
    .WithReference(identitydb).WaitFor(identitydb)
    .SealsUnder("identity-key-encryption-key", "Identity")
    .WithEnvironment("Samples__Password", samplePassword);

var catalog = builder.AddService<Projects.Shop_Catalog>("catalog")
    .WithReplicas(apis)
    .WithReference(catalogdb).WaitFor(catalogdb)
    .WithReference(cache)
    .SignsInAt(identity);

var ordering = builder.AddService<Projects.Shop_Ordering>("ordering")
    .WithReplicas(apis)
    .WithReference(orderingdb).WaitFor(orderingdb)
    .WithReference(cache)
    .WithReference(catalog)
    .SealsUnder("ordering-key-encryption-key", "Orders")
    .SignsInAt(identity);

var payments = builder.AddService<Projects.Shop_Payments>("payments")
    .WithReplicas(apis)
    .WithReference(paymentsdb).WaitFor(paymentsdb)
    .WithReference(cache)
    .WithReference(ordering)
    .SignsInAt(identity);

ordering.WithReference(payments); // The one-call purchase.
catalog.WithReference(ordering); // Whether an overdue hold still has its order.

var sandbox = builder.AddService<Projects.Shop_PaymentSandbox>("sandbox")
    .WithReference(sandboxdb).WaitFor(sandboxdb)
    .WithEnvironment(
        "Sandbox__WebhookUrl", ReferenceExpression.Create($"{payments.GetEndpoint("http")}/webhooks/sandbox"));

// The background half of all services. It waits for Redis as well, which it reads all the time. It is unhealthy also
// while its latest run of the proof shows a rule that does not hold; nothing waits for a first run.
var workers = builder.AddService<Projects.Shop_Workers>("workers")
    .WithHttpHealthCheck("/health/proof")
    .WithReplicas(workerReplicas)
    .WithReference(cache).WaitFor(cache)
    .WithReference(identitydb).WaitFor(identitydb)
    .WithReference(catalogdb).WaitFor(catalogdb)
    .WithReference(orderingdb).WaitFor(orderingdb)
    .WithReference(paymentsdb).WaitFor(paymentsdb)
    .WithReference(catalog).WithReference(ordering).WithReference(payments)
    .SignsInAt(identity);

foreach (var caller in (IResourceBuilder<ProjectResource>[])[payments, workers]) caller.WithReference(sandbox);
foreach (var side in (IResourceBuilder<ProjectResource>[])[payments, workers, sandbox])
{
    side.WithEnvironment("Sandbox__ApiKey", sandboxKey)
        .WithEnvironment("Sandbox__WebhookSecret", sandboxWebhookSecret);
}

// Each connects to its database as a role of its own, whose password comes from this secret: see ADR 31.
foreach (var service in (IResourceBuilder<ProjectResource>[])[identity, catalog, ordering, payments, sandbox, workers])
{
    service.WithEnvironment("Database__RoleSecret", roleSecret);
}

builder.AddControl();

if (await builder.WhichPortIsTakenAsync() is { } taken)
{
    await Console.Error.WriteLineAsync(taken);
    return 1;
}

await builder.Build().RunAsync();
return 0;
