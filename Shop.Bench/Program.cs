using Shop.Bench;

if (!BenchOptions.TryParse(args, out var options))
{
    await Console.Error.WriteLineAsync(BenchOptions.Usage);
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true; // The servers and their data folder are taken away first.
    stop.Cancel();
};

try
{
    return await Run.RunAsync(options, stop.Token);
}
catch (BenchException reason)
{
    await Console.Error.WriteLineAsync(reason.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    await Console.Error.WriteLineAsync("Stopped before there was a result.");
    return 1;
}
