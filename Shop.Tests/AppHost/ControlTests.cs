using System.Net;
using Shop.Tests.Fixtures;

namespace Shop.Tests.AppHost;

/// <summary>What <c>./shop resources</c>, <c>resource</c> and <c>logs</c> ask of the running AppHost.</summary>
[Collection(ShopAppCollection.Name)]
[Trait("ring", "3")]
public sealed class ControlTests(ShopApp shop)
{
    private static readonly string[] Services = ["identity", "catalog", "ordering", "payments", "sandbox", "workers"];

    [Fact]
    public async Task Every_resource_is_listed_as_running_with_its_process_and_address()
    {
        using var control = shop.Control();
        var rows = (await control.GetStringAsync("/resources")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        foreach (var service in Services)
        {
            var row = Assert.Single(rows, r => r.StartsWith($"{service}-", StringComparison.Ordinal));
            Assert.Matches($@"^{service}-\w+ +Running +\d+ +http://localhost:\d+$", row);
        }

        foreach (var database in (string[])["identitydb", "catalogdb", "orderingdb", "paymentsdb", "sandboxdb"])
        {
            var row = Assert.Single(rows, r => r.StartsWith(database, StringComparison.Ordinal));
            Assert.Matches($"^{database} +Running", row);
        }

        using var ready = await control.GetAsync("/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
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
