using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Shop.Tests.Fixtures;

namespace Shop.Tests.AppHost;

/// <summary>The AppHost as a user starts it: a process of its own, with its output and control socket.</summary>
internal sealed class RunningShop : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;
    private readonly HttpClient _control;

    private RunningShop(TestFolder folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_ENVIRONMENT"] = "Development", ["ASPIRE_ALLOW_UNSECURED_TRANSPORT"] = "true" },
        };
        string[] all =
        [
            Assembly.Load("Shop.AppHost").Location, "--DcpPublisher:RandomizePorts=true",
            .. folder.AppHostArguments, .. arguments,
        ];
        foreach (var argument in all) start.ArgumentList.Add(argument);
        start.Environment.Remove("ASPNETCORE_URLS");

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _control = folder.ControlClient();
    }

    public int Id => _process.Id;

    public HttpClient Control => _control;

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    public static RunningShop Start(TestFolder folder, params string[] arguments) => new(folder, arguments);

    public async Task UntilReadyAsync()
    {
        var ended = _process.WaitForExitAsync();
        var first = await Task.WhenAny(_ready.Task, ended, Task.Delay(Patience));
        Assert.True(first == _ready.Task, $"The shop did not get ready.\n{Output}");
    }

    public async Task<int> UntilEndedAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    /// <summary>The process of each instance, from the table of <c>./shop resources</c>.</summary>
    public async Task<Dictionary<string, int>> ProcessesAsync()
    {
        var table = await _control.GetStringAsync("/resources");
        return table.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(columns => columns.Length > 2 && int.TryParse(columns[2], out _))
            .ToDictionary(columns => columns[0], columns => int.Parse(columns[2], CultureInfo.InvariantCulture));
    }

    public void Kill() => _process.Kill();

    /// <summary>What SIGTERM is for on unix: asks the process to end.</summary>
    public Task TerminateAsync() => Processes.SignalAsync(Id, "TERM");

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _control.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null) return;

        lock (_output) _output.AppendLine(line);
        if (line.StartsWith("ready after", StringComparison.Ordinal)) _ready.TrySetResult();
    }
}
