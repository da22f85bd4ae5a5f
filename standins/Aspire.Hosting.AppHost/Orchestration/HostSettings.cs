using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Configuration;

namespace Aspire.Hosting.Orchestration;

/// <summary>What differs between a developer's run and a test's.</summary>
internal sealed class HostSettings(IConfiguration configuration, string appHostDirectory, bool isTest) : IDisposable
{
    private readonly string? _chosenLogs = configuration["AppHost:LogsDirectory"];
    private readonly Lazy<string> _scratch = new(() => Directory.CreateTempSubdirectory("shop-host-").FullName);

    public bool IsTest => isTest;

    /// <summary>Tests take free ports, so that several applications run at once; the key is the original's.</summary>
    public bool RandomizePorts { get; } = configuration.GetValue("DcpPublisher:RandomizePorts", false);

    /// <summary>A folder of this run alone; it goes with it.</summary>
    public string Scratch => _scratch.Value;

    public string LogsDirectory => _chosenLogs ?? (isTest
        ? Path.Combine(Scratch, "logs")
        : Path.Combine(appHostDirectory, ".shop", "logs"));

    /// <summary>The name of an instance for people: the resource's own, numbered where there are replicas.</summary>
    public static string Label(IResource resource, string instanceId)
    {
        var ids = resource.InstanceIds().ToList();
        return ids.Count > 1 ? $"{resource.Name}-{ids.IndexOf(instanceId) + 1}" : resource.Name;
    }

    public void Dispose()
    {
        if (_scratch.IsValueCreated && Directory.Exists(Scratch)) Directory.Delete(Scratch, recursive: true);
    }
}
