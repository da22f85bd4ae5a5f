using Aspire.Hosting;

namespace SampleHost;

/// <summary>A project resource that runs this very program as a service.</summary>
public sealed class Echo : IProjectMetadata
{
    public string ProjectPath => typeof(Echo).Assembly.Location;

    /// <summary>What the build writes into the generated classes.</summary>
    public string TargetPath { get; } = typeof(Echo).Assembly.Location;
}

internal static class SampleAppHost
{
    /// <summary>Two replicas of the service, and a process that stands for a server beneath them.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = DistributedApplication.CreateBuilder(args);
        if (builder.Configuration["Sample:Fail"] is { } reason) throw new InvalidOperationException(reason);

        var server = builder.AddExecutable("server", "sleep", ".", "1000");
        builder.AddProject<Echo>("echo")
            .WithArgs("serve")
            .WithHttpEndpoint()
            .WithHttpHealthCheck("/health")
            .WithReplicas(2)
            .WaitFor(server);
        await builder.Build().RunAsync();
        return 0;
    }
}
