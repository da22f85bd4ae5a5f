using System.Xml.Linq;
using static Shop.Tests.Architecture.Repository;

namespace Shop.Tests.Architecture;

public sealed class LayoutTests
{
    [Fact]
    public void No_service_references_another_services_project()
    {
        string[] allowed = ["Shop.ServiceDefaults"];
        var foreign =
            from service in Services
            from reference in ProjectReferences(service)
            where !allowed.Contains(reference)
            select $"{service} -> {reference}";

        Assert.Empty(foreign);
    }

    [Fact]
    public void Service_defaults_reference_no_service() => Assert.Empty(ProjectReferences("Shop.ServiceDefaults"));

    [Fact]
    public void Only_workers_apphost_and_tests_reference_services()
    {
        var referencing =
            from path in Sources("*.csproj")
            let project = Path.GetFileNameWithoutExtension(path)
            where ProjectReferences(project, path).Any(Services.Contains)
            select project;

        Assert.Subset(
            new HashSet<string> { "Shop.Workers", "Shop.AppHost", "Shop.Tests", "Shop.Bench" },
            referencing.ToHashSet());
    }

    [Fact]
    public void Nothing_outside_the_stand_ins_knows_of_them()
    {
        var knowing =
            from path in Sources()
            where !path.StartsWith("standins/", StringComparison.Ordinal)
                && !path.StartsWith("Shop.Tests/", StringComparison.Ordinal)
            let text = Read(path)
            where text.Contains("StandIn", StringComparison.OrdinalIgnoreCase)
                || text.Contains("#if", StringComparison.Ordinal)
            select path;

        Assert.Empty(knowing);
    }

    [Fact]
    public void Each_service_starts_from_a_short_program_and_one_route_table()
    {
        foreach (var service in Services)
        {
            var name = service["Shop.".Length..];
            Assert.True(File.ReadAllLines(Path.Combine(Root, service, "Program.cs")).Length <= 40, service);
            Assert.True(File.Exists(Path.Combine(Root, service, $"{name}Endpoints.cs")), $"{name}Endpoints.cs");
            Assert.True(Directory.Exists(Path.Combine(Root, service, "Schema")), $"{service}/Schema");
        }
    }

    [Fact]
    public void Sources_keep_to_the_sizes_of_the_house()
    {
        var tooBig =
            from path in Sources()
            let lines = File.ReadAllLines(Path.Combine(Root, path))
            let cap = path.StartsWith("Shop.Tests/", StringComparison.Ordinal) ? 500 : 400
            from complaint in lines
                .Select((line, i) => line.Length > 120 ? $"{path}:{i + 1} has {line.Length} columns" : null)
                .Append(lines.Length > cap ? $"{path} has {lines.Length} lines" : null)
            where complaint is not null
            select complaint;

        Assert.Empty(tooBig);
    }

    private static IEnumerable<string> ProjectReferences(string project, string? path = null) =>
        from reference in XDocument.Load(Path.Combine(Root, path ?? $"{project}/{project}.csproj"))
            .Descendants("ProjectReference")
        select Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!);
}
