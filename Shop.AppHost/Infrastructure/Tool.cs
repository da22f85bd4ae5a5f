using System.Diagnostics;

namespace Shop.AppHost.Infrastructure;

/// <summary>Runs a short-lived program to its end; what it printed is told only when it failed.</summary>
internal static class Tool
{
    public static async Task RunAsync(
        string command, IEnumerable<string> arguments, CancellationToken ct, string input = "")
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input.AsMemory(), ct);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        if (process.ExitCode != 0)
        {
            throw new DistributedApplicationException(
                $"{command} failed with exit code {process.ExitCode}: {await output}{await errors}");
        }
    }
}
