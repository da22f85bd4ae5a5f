using System.Diagnostics;
using System.Runtime.InteropServices;
using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.Orchestration;

/// <summary>What ends a process, politely or not; a resource may name its own.</summary>
internal sealed record StopSignal(string Name, int Number) : IResourceAnnotation
{
    /// <summary>The fast shutdown of PostgreSQL, and fine for Redis.</summary>
    public static readonly StopSignal Interrupt = new("INT", 2);

    /// <summary>For what keeps nothing that could be lost.</summary>
    public static readonly StopSignal Kill = new("KILL", 9);

    public static readonly StopSignal Terminate = new("TERM", 15);

    public static StopSignal Of(IResource resource) =>
        resource.Annotations.OfType<StopSignal>().LastOrDefault()
            ?? (resource is ExecutableResource ? Interrupt : Terminate);
}

/// <summary>One running process with its output, from start to exit.</summary>
internal sealed class ChildProcess : IDisposable
{
    private const int SigKill = 9;
    private static readonly TimeSpan OutputTail = TimeSpan.FromSeconds(1);

    private readonly Process _process;
    private readonly ProcessGuardian _guardian;
    private readonly int _stopSignal;

    private ChildProcess(Process process, ProcessGuardian guardian, int stopSignal)
    {
        _process = process;
        _guardian = guardian;
        _stopSignal = stopSignal;
        Id = process.Id;
        Exited = WatchAsync();
    }

    public int Id { get; }

    /// <summary>Ends with the exit code, once the output is read to its end.</summary>
    public Task<int> Exited { get; }

    public static ChildProcess Start(
        ProcessGuardian guardian,
        IReadOnlyList<string> command,
        string workingDirectory,
        IReadOnlyDictionary<string, string> environment,
        StopSignal stop,
        Action<string, bool> write)
    {
        var start = new ProcessStartInfo
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var own in (string[])["ASPNETCORE_URLS", "DOTNET_LAUNCH_PROFILE", "DOTNET_URLS"])
        {
            start.Environment.Remove(own);
        }

        foreach (var (name, value) in environment) start.Environment[name] = value;
        guardian.Guard(start, stop.Name, command);

        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, e) => Write(e.Data, isError: false);
        process.ErrorDataReceived += (_, e) => Write(e.Data, isError: true);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new ChildProcess(process, guardian, stop.Number);

        void Write(string? line, bool isError)
        {
            if (line is not null) write(line, isError);
        }
    }

    /// <summary>Asks politely, waits, then insists.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        Signal(_stopSignal);
        try
        {
            await Exited.WaitAsync(grace);
        }
        catch (TimeoutException)
        {
            Signal(SigKill);
            await Exited;
        }
    }

    public void Dispose() => _process.Dispose();

    private async Task<int> WatchAsync()
    {
        using var patience = new CancellationTokenSource();
        var closed = _process.WaitForExitAsync(patience.Token);
        while (!_process.HasExited && !closed.IsCompleted)
        {
            // WaitForExitAsync also waits for the output to close, which a grandchild may hold open for ever.
            await Task.WhenAny(closed, Task.Delay(100, CancellationToken.None));
        }

        patience.CancelAfter(OutputTail);
        await closed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Signal(SigKill); // What the process has left behind in its group.
        _guardian.Forget(Id);
        return _process.ExitCode;
    }

    private void Signal(int signal)
    {
        // The group first; a process that could not get one of its own is signalled alone. Gone already is fine.
        if (Kill(-Id, signal) != 0 && !_process.HasExited) _ = Kill(Id, signal);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
