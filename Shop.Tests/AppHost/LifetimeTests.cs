using System.Net;
using System.Net.Sockets;
using Shop.Tests.Fixtures;

namespace Shop.Tests.AppHost;

/// <summary>Start, stop and start again, as a process: what a user sees of the AppHost.</summary>
[Trait("ring", "3")]
public sealed class LifetimeTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    [Fact]
    public async Task Missing_binaries_are_told_in_one_sentence()
    {
        await using var shop = RunningShop.Start(_folder, "--Infrastructure=native", "--BinaryPath=/nowhere");

        Assert.Equal(1, await shop.UntilEndedAsync());
        var sentence = Assert.Single(shop.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("PostgreSQL and Redis are not installed: run `", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_another_program_keeps_is_told_in_one_sentence()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var shop = RunningShop.Start(
            _folder, "--DcpPublisher:RandomizePorts=false", $"--ASPNETCORE_URLS=http://localhost:{port}",
            "--PortPatienceSeconds=1");

        Assert.Equal(1, await shop.UntilEndedAsync());
        Assert.Contains($"Port {port}, which the dashboard needs, is taken: ", shop.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", shop.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shop_that_was_stopped_or_killed_leaves_no_process_behind_and_starts_again_on_its_data()
    {
        int[] left;
        await using (var first = RunningShop.Start(_folder))
        {
            await first.UntilReadyAsync();
            left = [.. (await first.ProcessesAsync()).Values];
            await first.TerminateAsync();
            Assert.Equal(0, await first.UntilEndedAsync());
        }

        Assert.True(left.Length >= 6, "Six services and perhaps two servers run as processes.");
        // An orderly end has ended everybody before the AppHost itself is gone.
        Assert.False(await AnyLivesAsync(left));

        await using (var second = RunningShop.Start(_folder))
        {
            await second.UntilReadyAsync();
            left = [.. (await second.ProcessesAsync()).Values];
            second.Kill();
            await second.UntilEndedAsync();
        }

        await Eventually.HoldsAsync(
            async () => !await AnyLivesAsync(left), TimeSpan.FromSeconds(60), "The end of all processes");

        await using var third = RunningShop.Start(_folder);
        await third.UntilReadyAsync();
        Assert.DoesNotContain("Making a new PostgreSQL cluster", third.Output, StringComparison.Ordinal);
        using var stopped = await third.Control.PostAsync("/stop", null);
        Assert.Equal(0, await third.UntilEndedAsync());
    }

    public void Dispose() => _folder.Delete();

    private static async Task<bool> AnyLivesAsync(int[] processes) =>
        (await Task.WhenAll(processes.Select(Processes.IsAliveAsync))).Contains(true);
}
