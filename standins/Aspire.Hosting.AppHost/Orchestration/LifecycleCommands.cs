using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.Orchestration;

/// <summary>Start, stop and restart, shown where the state allows them.</summary>
internal static class LifecycleCommands
{
    public static void AddLifecycleCommands(this ApplicationOrchestrator orchestrator, IResource resource)
    {
        Add(resource, KnownResourceCommands.StartCommand, "Start", "Play", isHighlighted: true,
            state => Stopped(state) ? ResourceCommandState.Enabled
                : Between(state) ? ResourceCommandState.Disabled : ResourceCommandState.Hidden,
            context => orchestrator.StartInstanceAsync(context.ResourceName, context.CancellationToken));
        Add(resource, KnownResourceCommands.StopCommand, "Stop", "Stop", isHighlighted: true,
            state => state == KnownResourceStates.Stopping ? ResourceCommandState.Disabled
                : Stopped(state) || Between(state) ? ResourceCommandState.Hidden : ResourceCommandState.Enabled,
            context => orchestrator.Instance(context.ResourceName).StopAsync());
        Add(resource, KnownResourceCommands.RestartCommand, "Restart", "ArrowCounterclockwise", isHighlighted: false,
            state => Stopped(state) || Between(state) || state == KnownResourceStates.Stopping
                ? ResourceCommandState.Disabled : ResourceCommandState.Enabled,
            async context =>
            {
                await orchestrator.Instance(context.ResourceName).StopAsync();
                await orchestrator.StartInstanceAsync(context.ResourceName, context.CancellationToken);
            });
    }

    private static void Add(
        IResource resource,
        string name,
        string displayName,
        string icon,
        bool isHighlighted,
        Func<string?, ResourceCommandState> updateState,
        Func<ExecuteCommandContext, Task> execute)
    {
        if (resource.Annotations.OfType<ResourceCommandAnnotation>().Any(c => c.Name == name)) return;

        resource.Annotations.Add(new ResourceCommandAnnotation(
            name,
            displayName,
            context => updateState(context.ResourceSnapshot.State?.Text),
            async context =>
            {
                await execute(context);
                return CommandResults.Success();
            },
            displayDescription: null,
            parameter: null,
            confirmationMessage: null,
            icon,
            IconVariant.Filled,
            isHighlighted));
    }

    private static bool Stopped(string? state) =>
        KnownResourceStates.TerminalStates.Contains(state) || state == KnownResourceStates.NotStarted;

    private static bool Between(string? state) =>
        state is null || state == KnownResourceStates.Starting || state == KnownResourceStates.Waiting;
}
