using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.Tests.StandIns.Clients;

/// <summary>https://learn.microsoft.com/dotnet/core/extensions/service-discovery, as far as the shop uses it.</summary>
public sealed class ServiceDiscoveryTests
{
    [Theory]
    [InlineData("http://catalog/products?x=1", "http://10.0.0.1:80/products?x=1")]
    [InlineData("http://one/", "http://10.0.0.9:5001/")]
    [InlineData("http://bare/", "http://10.0.0.8:5002/")]
    [InlineData("http://based/products", "http://10.0.0.7:5003/base/products")]
    [InlineData("https+http://catalog/", "https://10.0.0.2:443/")]
    [InlineData("https+http://one/", "http://10.0.0.9:5001/")]
    [InlineData("http://unknown:81/x", "http://unknown:81/x")]
    [InlineData("http://127.0.0.1:5000/x", "http://127.0.0.1:5000/x")]
    public async Task A_name_becomes_an_endpoint_of_the_configuration_or_stays(string asked, string sent) =>
        Assert.Equal(new Uri(sent), Assert.Single(await SentAsync(Configuration(), asked)));

    [Fact]
    public async Task Several_endpoints_are_taken_in_turn()
    {
        var configuration = Configuration();
        configuration["services:catalog:http:1"] = "http://10.0.0.3:80";

        var sent = await SentAsync(configuration, [.. Enumerable.Repeat("http://catalog/", 4)]);

        Assert.Equal(["10.0.0.1", "10.0.0.3", "10.0.0.1", "10.0.0.3"], sent.Select(uri => uri.Host));
    }

    [Fact]
    public async Task A_change_of_the_configuration_is_noticed()
    {
        var configuration = Configuration();
        var sent = new List<Uri>();
        using var client = Client(configuration, sent);
        (await client.GetAsync(new Uri("http://one/"))).Dispose();

        configuration["services:one:http"] = "http://10.0.0.10:6000";
        configuration.Reload();
        (await client.GetAsync(new Uri("http://one/"))).Dispose();

        Assert.Equal(["10.0.0.9", "10.0.0.10"], sent.Select(uri => uri.Host));
    }

    [Fact]
    public async Task The_request_keeps_the_name_for_whoever_sends_it_again()
    {
        using var client = Client(Configuration(), []);
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://catalog/x");

        (await client.SendAsync(request)).Dispose();

        Assert.Equal(new Uri("http://catalog/x"), request.RequestUri);
    }

    private static async Task<List<Uri>> SentAsync(IConfigurationRoot configuration, params string[] asked)
    {
        var sent = new List<Uri>();
        using var client = Client(configuration, sent);
        foreach (var address in asked) (await client.GetAsync(new Uri(address))).Dispose();
        return sent;
    }

    private static HttpClient Client(IConfiguration configuration, List<Uri> sent)
    {
        var services = new ServiceCollection();
        services.AddSingleton(configuration);
        services.AddServiceDiscovery();
        services.AddHttpClient("any")
            .AddServiceDiscovery()
            .ConfigurePrimaryHttpMessageHandler(() => new Listener(sent));
        return services.BuildServiceProvider().GetRequiredService<IHttpClientFactory>().CreateClient("any");
    }

    private static IConfigurationRoot Configuration() => new ConfigurationBuilder().AddInMemoryCollection(
        new Dictionary<string, string?>
        {
            ["services:catalog:http:0"] = "http://10.0.0.1:80",
            ["services:catalog:https:0"] = "https://10.0.0.2:443",
            ["services:one:http"] = "http://10.0.0.9:5001",
            ["services:bare:http:0"] = "10.0.0.8:5002",
            ["services:based:http:0"] = "http://10.0.0.7:5003/base/",
        }).Build();

    private sealed class Listener(List<Uri> sent) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            sent.Add(request.RequestUri!);
            return Task.FromResult(new HttpResponseMessage());
        }
    }
}
