using System.Reflection;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting;

/// <summary>
/// Lets the testing package stand between an AppHost's code and its application. It flows with the thread on which the
/// AppHost's entry point runs, so several applications can be built in one process at a time.
/// </summary>
internal abstract class BuilderInterception
{
    private static readonly AsyncLocal<BuilderInterception?> Flowing = new();

    public static BuilderInterception? Current
    {
        get => Flowing.Value;
        set => Flowing.Value = value;
    }

    public abstract Assembly? AppHostAssembly { get; }

    /// <summary>Ends when the application has ended; the AppHost's own Run waits for it.</summary>
    public abstract Task Ended { get; }

    public abstract void Configure(DistributedApplicationOptions options, HostApplicationBuilderSettings settings);

    /// <summary>Called by Build before anything is built; blocks the AppHost's code until the test goes on.</summary>
    public abstract void WaitForTest(IDistributedApplicationBuilder builder);

    public abstract void Built(DistributedApplication application);
}
