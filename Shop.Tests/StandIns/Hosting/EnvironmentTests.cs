using System.Net.Http.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace Shop.Tests.StandIns.Hosting;

public sealed class EnvironmentTests
{
    [Fact]
    public async Task A_project_gets_the_variables_that_the_original_host_gives()
    {
        await using var app = await AppUnderTest.StartAsync(builder =>
        {
            builder.Configuration["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = "http://localhost:4317";
            builder.Configuration["AppHost:OtlpApiKey"] = "key";
            builder.Configuration["ConnectionStrings:cache"] = "localhost:6379";
            builder.Configuration["Parameters:secret"] = "s3cret";
            var catalog = builder.AddEcho("catalog");
            builder.AddEcho("web-shop")
                .WithReference(catalog)
                .WithReference(builder.AddConnectionString("cache"))
                .WithEnvironment("Plain", "text")
                .WithEnvironment("Secret", builder.AddParameter("secret", secret: true))
                .WithEnvironment("Address", catalog.GetEndpoint("http"))
                .WithEnvironment("Built", $"{catalog.GetEndpoint("http")}/hook{{}}")
                .WithEnvironment(context => context.EnvironmentVariables["Called"] = context.Resource.Name);
        });

        var variables = await VariablesAsync(app, "web-shop");

        var catalogUrl = app.GetEndpoint("catalog").ToString().TrimEnd('/');
        Assert.Equal(catalogUrl, variables["services__catalog__http__0"]);
        Assert.Equal(catalogUrl, variables["CATALOG_HTTP"]);
        Assert.Equal("localhost:6379", variables["ConnectionStrings__cache"]);
        Assert.Equal("text", variables["Plain"]);
        Assert.Equal("s3cret", variables["Secret"]);
        Assert.Equal(catalogUrl, variables["Address"]);
        Assert.Equal($"{catalogUrl}/hook{{}}", variables["Built"]);
        Assert.Equal("web-shop", variables["Called"]);
        Assert.Equal("http://localhost:4317", variables["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        Assert.Equal("grpc", variables["OTEL_EXPORTER_OTLP_PROTOCOL"]);
        Assert.Equal("x-otlp-api-key=key", variables["OTEL_EXPORTER_OTLP_HEADERS"]);
        Assert.Equal("web-shop", variables["OTEL_SERVICE_NAME"]);
        Assert.Matches("^service.instance.id=[a-z]{8}$", variables["OTEL_RESOURCE_ATTRIBUTES"]);
        Assert.Equal("1000", variables["OTEL_BSP_SCHEDULE_DELAY"]);
        Assert.Equal("always_on", variables["OTEL_TRACES_SAMPLER"]);
    }

    [Fact]
    public async Task The_port_of_the_process_is_not_its_public_one()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddEcho("echo"));

        var variables = await VariablesAsync(app, "echo");

        Assert.Matches("^http://localhost:[0-9]+$", variables["ASPNETCORE_URLS"]);
        Assert.NotEqual(app.GetEndpoint("echo").Port, new Uri(variables["ASPNETCORE_URLS"]).Port);
    }

    [Fact]
    public async Task Without_a_receiver_nothing_is_exported()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddEcho("echo"));

        Assert.DoesNotContain("OTEL_EXPORTER_OTLP_ENDPOINT", (await VariablesAsync(app, "echo")).Keys);
    }

    [Fact]
    public async Task Database_and_cache_are_given_whole_and_in_parts()
    {
        var builder = DistributedApplicationTestingBuilder.Create();
        builder.Configuration["Parameters:password"] = "p@ss";
        var password = builder.AddParameter("password", secret: true);
        var catalogdb = builder.AddPostgres("postgres", password: password).AsProcess(5433).AddDatabase("catalogdb");
        var cache = builder.AddRedis("cache", password: password).AsProcess(6380);
        var shell = builder.AddShell("shell", "env; echo written; exec sleep 1000")
            .WithReference(catalogdb).WithReference(cache);
        await using var app = await builder.BuildAsync();
        await app.StartAsync(AppUnderTest.Deadline);
        await app.UntilAsync("shell", KnownResourceStates.Running);
        await AppUnderTest.EventuallyAsync(
            async () => (await app.LinesAsync(shell.Resource)).Contains("written"), "the variables are written");

        var variables = (await app.LinesAsync(shell.Resource)).Select(l => l.Split('=', 2)).Where(p => p.Length == 2)
            .ToDictionary(p => p[0], p => p[1]);

        Assert.Equal(
            "Host=localhost;Port=5433;Username=postgres;Password=p@ss;Database=catalogdb",
            variables["ConnectionStrings__catalogdb"]);
        Assert.Equal("localhost", variables["CATALOGDB_HOST"]);
        Assert.Equal("5433", variables["CATALOGDB_PORT"]);
        Assert.Equal("postgres", variables["CATALOGDB_USERNAME"]);
        Assert.Equal("p@ss", variables["CATALOGDB_PASSWORD"]);
        Assert.Equal("catalogdb", variables["CATALOGDB_DATABASENAME"]);
        Assert.Equal("postgresql://postgres:p%40ss@localhost:5433/catalogdb", variables["CATALOGDB_URI"]);
        Assert.Equal("localhost:6380,password=p@ss", variables["ConnectionStrings__cache"]);
        Assert.Equal("6380", variables["CACHE_PORT"]);
        Assert.Equal("redis://:p%40ss@localhost:6380", variables["CACHE_URI"]);
    }

    private static async Task<Dictionary<string, string>> VariablesAsync(DistributedApplication app, string resource)
    {
        await app.ResourceNotifications.WaitForResourceHealthyAsync(resource, AppUnderTest.Deadline);
        using var http = app.CreateHttpClient(resource);
        return (await http.GetFromJsonAsync<Dictionary<string, string>>("/environment"))!;
    }
}
