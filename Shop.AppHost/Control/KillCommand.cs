using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.AppHost.Control;

/// <summary>A crash on request, for everyone who wants to see what the shop does about it.</summary>
internal static class KillCommand
{
    public const string Name = "kill";

    public static IResourceBuilder<ProjectResource> WithKillCommand(this IResourceBuilder<ProjectResource> service) =>
        service.WithCommand(Name, "Kill", context => Task.FromResult(Kill(context)), new CommandOptions
        {
            Description = "End the process at once, as a crash would",
            ConfirmationMessage = "The process gets no chance to finish anything. Go on?",
            IconName = "Flash",
            UpdateState = context => context.ResourceSnapshot.State?.Text == KnownResourceStates.Running
                ? ResourceCommandState.Enabled
                : ResourceCommandState.Disabled,
        });

    private static ExecuteCommandResult Kill(ExecuteCommandContext context)
    {
        var notifications = context.ServiceProvider.GetRequiredService<ResourceNotificationService>();
        if (!notifications.TryGetCurrentState(context.ResourceName, out var resource)
            || resource.Snapshot.State?.Text != KnownResourceStates.Running
            || ResourceBoard.ProcessId(resource.Snapshot) is not { } pid)
        {
            return CommandResults.Failure($"{context.ResourceName} has no process.");
        }

        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill(entireProcessTree: true);
            return CommandResults.Success();
        }
        catch (ArgumentException)
        {
            return CommandResults.Failure($"{context.ResourceName} is gone already."); // It ended by itself meanwhile.
        }
    }
}
