using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using SampleHost;

namespace Shop.Tests.StandIns.Hosting;

/// <summary>A host in a process of its own, which ends in every way a host can end.</summary>
public sealed class GuardianTests : IDisposable
{
    private const int ProcessesOfTheSample = 3; // Two replicas and the server below them.

    private readonly ConcurrentQueue<string> _output = new();
    private readonly DirectoryInfo _temp = Directory.CreateTempSubdirectory("guardian-");

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task However_the_host_ends_nothing_it_started_stays(string signal)
    {
        using var host = StartHost();
        var processes = Array.Empty<int>();
        await AppUnderTest.EventuallyAsync(
            () =>
            {
                processes = Processes();
                return Task.FromResult(processes.Length == ProcessesOfTheSample);
            },
            () => $"{ProcessesOfTheSample} processes of the sample run; it wrote: {string.Join('\n', _output)}");

        await Fixtures.Processes.SignalAsync(host.Id, signal);
        await host.WaitForExitAsync(AppUnderTest.Deadline);

        foreach (var process in processes)
        {
            await AppUnderTest.EventuallyAsync(
                async () => !await Fixtures.Processes.IsAliveAsync(process), $"process {process} has ended");
        }

        await AppUnderTest.EventuallyAsync(
            () => Task.FromResult(_temp.GetDirectories("shop-host-*").Length == 0), "the scratch folder has gone");
    }

    public void Dispose() => _temp.Delete(recursive: true);

    private Process StartHost()
    {
        // Whoever runs the tests in the background may make them ignore SIGINT, and every child inherits that.
        string[] command = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT,HUP", "dotnet"] : ["dotnet"];
        var start = new ProcessStartInfo(command[0], [.. command[1..], typeof(Echo).Assembly.Location])
        {
            WorkingDirectory = _temp.FullName,
            Environment =
            {
                ["TMPDIR"] = _temp.FullName,
                ["DOTNET_HOSTBUILDER__RELOADCONFIGONCHANGE"] = "false", // Watchers are few, and none is needed here.
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var host = Process.Start(start)!;
        host.OutputDataReceived += (_, e) => _output.Enqueue(e.Data ?? "");
        host.ErrorDataReceived += (_, e) => _output.Enqueue(e.Data ?? "");
        host.BeginOutputReadLine();
        host.BeginErrorReadLine();
        return host;
    }

    private int[] Processes() =>
    [
        .. _temp.GetDirectories("shop-host-*")
            .Select(d => new DirectoryInfo(Path.Combine(d.FullName, "processes")))
            .Where(d => d.Exists)
            .SelectMany(d => d.GetFiles())
            .Select(f => int.Parse(f.Name, CultureInfo.InvariantCulture)),
    ];
}
