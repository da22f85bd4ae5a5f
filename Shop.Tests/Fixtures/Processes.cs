using System.Diagnostics;

namespace Shop.Tests.Fixtures;

/// <summary>Signals and states of processes, without kill and ps: on a small machine they are packages.</summary>
internal static class Processes
{
    /// <summary>Sends a signal by its name, such as TERM, with the kill that every shell has built in.</summary>
    public static async Task SignalAsync(int processId, string signal)
    {
        using var shell = Process.Start("sh", ["-c", $"kill -s {signal} {processId}"]);
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
    }

    /// <summary>False too for what has ended and is only not yet collected by its parent.</summary>
    public static async Task<bool> IsAliveAsync(int processId)
    {
        var state = OperatingSystem.IsLinux() ? StateFromProc(processId) : await StateFromPsAsync(processId);
        return state is not (null or 'Z');
    }

    // proc(5): the state follows the command, which stands in parentheses and may contain some itself.
    private static char? StateFromProc(int processId)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            return stat[stat.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return null; // It has ended.
        }
    }

    private static async Task<char?> StateFromPsAsync(int processId)
    {
        var start = new ProcessStartInfo("ps", ["-o", "stat=", "-p", $"{processId}"]) { RedirectStandardOutput = true };
        using var ps = Process.Start(start)!;
        var state = (await ps.StandardOutput.ReadToEndAsync()).Trim();
        await ps.WaitForExitAsync();
        return state.Length > 0 ? state[0] : null;
    }
}
