using System.Xml.Linq;
using static Shop.Tests.Architecture.Repository;

namespace Shop.Tests.Architecture;

/// <summary>The nine packages the shop is built on: referenced where they belong, and used there.</summary>
public sealed class PackageTests
{
    [Theory]
    [InlineData("Aspire.Hosting.AppHost", "Shop.AppHost", "DistributedApplication.CreateBuilder(")]
    [InlineData("Aspire.Hosting.PostgreSQL", "Shop.AppHost", ".AddPostgres(")]
    [InlineData("Aspire.Hosting.Redis", "Shop.AppHost", ".AddRedis(")]
    [InlineData("Aspire.Npgsql.EntityFrameworkCore.PostgreSQL", "Shop.ServiceDefaults", ".AddNpgsqlDbContext<")]
    [InlineData("Aspire.StackExchange.Redis", "Shop.ServiceDefaults", ".AddRedisClient(")]
    [InlineData("OpenTelemetry.Extensions.Hosting", "Shop.ServiceDefaults", ".AddOpenTelemetry()")]
    [InlineData("Microsoft.Extensions.ServiceDiscovery", "Shop.ServiceDefaults", ".AddServiceDiscovery()")]
    [InlineData("xunit", "Shop.Tests", "[Fact]")]
    [InlineData("Aspire.Hosting.Testing", "Shop.Tests", "DistributedApplicationTestingBuilder.CreateAsync<")]
    public void Each_package_of_the_card_is_referenced_and_used(string package, string project, string call)
    {
        var references = XDocument.Load(Path.Combine(Root, project, $"{project}.csproj"))
            .Descendants("PackageReference").Select(reference => (string)reference.Attribute("Include")!);

        Assert.Contains(package, references);
        Assert.Contains(
            Sources(), path => path.StartsWith("Shop.", StringComparison.Ordinal)
                && !path.EndsWith("/PackageTests.cs", StringComparison.Ordinal)
                && Read(path).Contains(call, StringComparison.Ordinal));
    }
}
