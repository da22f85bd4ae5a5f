using Shop.Bench;

if (!BenchOptions.TryParse(args, out var options))
{
    await Console.Error.WriteLineAsync(BenchOptions.Usage);
    return 2;
}

// The AppHost in this process checks Redis every 30 s with a client that blocks threads of the pool: the load would wait
// half a second until the pool has noticed and made another one.
ThreadPool.SetMinThreads(workerThreads: 8, completionPortThreads: 1);

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
