using System.Net;
using System.Text.RegularExpressions;
using Shop.Tests.Fixtures;

namespace Shop.Tests.AppHost;

/// <summary>What <c>./shop resources</c>, <c>resource</c> and <c>logs</c> ask of the running AppHost.</summary>
[Collection(ShopAppCollection.Name)]
[Trait("ring", "3")]
public sealed class ControlTests(ShopApp shop)
{
    private static readonly string[] Services = ["identity", "catalog", "ordering", "payments", "sandbox", "workers"];
    private static readonly string[] Databases = ["identitydb", "catalogdb", "orderingdb", "paymentsdb", "sandboxdb"];

    [Fact]
    public async Task Every_resource_is_listed_as_running_with_its_process_and_address()
    {
        using var control = shop.Control();
        string[] expected =
        [
            .. Services.Select(service => $@"^{service}-\w+ +Running +\d+ +http://localhost:\d+$"),
            .. Databases.Select(database => $"^{database} +Running"),
        ];

        // A service that another test has just started again comes into the table a little later.
        var table = await Eventually.GetAsync(
            () => control.GetStringAsync("/resources"),
            text => expected.All(row => Regex.IsMatch(text, row, RegexOptions.Multiline)));
        var rows = table.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var name in Services.Select(service => $"{service}-").Concat(Databases))
        {
            Assert.Single(rows, row => row.StartsWith(name, StringComparison.Ordinal));
        }

        await Eventually.HoldsAsync(
            async () =>
            {
                using var ready = await control.GetAsync("/ready");
                return ready.StatusCode == HttpStatusCode.OK;
            },
            what: "The shop is ready");
    }

    [Fact]
    public async Task A_killed_service_shows_as_exited_and_starts_again()
    {
        using var control = shop.Control();
        using (var killed = await control.PostAsync("/resources/sandbox/kill", null))
        {
            Assert.Equal("sandbox kill: done\n", await killed.Content.ReadAsStringAsync());
        }

        await shop.WaitUntilAsync("sandbox", "Exited");
        using (var again = await control.PostAsync("/resources/sandbox/kill", null))
        {
            Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        }

        using var started = await control.PostAsync("/resources/sandbox/start", null);
        Assert.Equal(HttpStatusCode.OK, started.StatusCode);
        await shop.WaitUntilHealthyAsync("sandbox");
    }

    [Fact]
    public async Task An_unknown_resource_is_not_found()
    {
        using var control = shop.Control();
        using var answer = await control.PostAsync("/resources/nobody/stop", null);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("\"There is no resource nobody.\"", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Only_its_owner_may_open_the_control_socket()
    {
        if (OperatingSystem.IsWindows()) return; // No unix modes there.

        using var control = shop.Control();
        await control.GetStringAsync("/resources");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(shop.ControlSocket));
    }
}
