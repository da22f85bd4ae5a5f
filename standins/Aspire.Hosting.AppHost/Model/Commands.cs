using Microsoft.Extensions.Logging;

namespace Aspire.Hosting.ApplicationModel;

public static class KnownResourceCommands
{
    public static readonly string StartCommand = "start";
    public static readonly string StopCommand = "stop";
    public static readonly string RestartCommand = "restart";
}

public sealed class UpdateCommandStateContext
{
    public required CustomResourceSnapshot ResourceSnapshot { get; init; }
    public required IServiceProvider ServiceProvider { get; init; }
}

public sealed class ExecuteCommandContext
{
    public required IServiceProvider ServiceProvider { get; init; }
    public required string ResourceName { get; init; }
    public required CancellationToken CancellationToken { get; init; }
    public required ILogger Logger { get; init; }
}

public sealed class ExecuteCommandResult
{
    public required bool Success { get; init; }
    public bool Canceled { get; init; }
    public string? Message { get; init; }
}

public static class CommandResults
{
    public static ExecuteCommandResult Success() => new() { Success = true };

    public static ExecuteCommandResult Failure(string? errorMessage = null) =>
        new() { Success = false, Message = errorMessage };

    public static ExecuteCommandResult Failure(Exception exception) => Failure(exception.Message);

    public static ExecuteCommandResult Canceled() => new() { Success = false, Canceled = true };
}

public class CommandOptions
{
    public string? Description { get; set; }
    public string? ConfirmationMessage { get; set; }
    public string? IconName { get; set; }
    public IconVariant? IconVariant { get; set; }
    public bool IsHighlighted { get; set; }
    public Func<UpdateCommandStateContext, ResourceCommandState>? UpdateState { get; set; }
}

public sealed class ResourceCommandAnnotation(
    string name,
    string displayName,
    Func<UpdateCommandStateContext, ResourceCommandState> updateState,
    Func<ExecuteCommandContext, Task<ExecuteCommandResult>> executeCommand,
    string? displayDescription,
    object? parameter,
    string? confirmationMessage,
    string? iconName,
    IconVariant? iconVariant,
    bool isHighlighted) : IResourceAnnotation
{
    public string Name { get; } = name;
    public string DisplayName { get; } = displayName;
    public Func<UpdateCommandStateContext, ResourceCommandState> UpdateState { get; } = updateState;
    public Func<ExecuteCommandContext, Task<ExecuteCommandResult>> ExecuteCommand { get; } = executeCommand;
    public string? DisplayDescription { get; } = displayDescription;
    public object? Parameter { get; } = parameter;
    public string? ConfirmationMessage { get; } = confirmationMessage;
    public string? IconName { get; } = iconName;
    public IconVariant? IconVariant { get; } = iconVariant;
    public bool IsHighlighted { get; } = isHighlighted;
}

/// <summary>Runs a command of a resource, by instance id, by name where that is unique, or on all instances.</summary>
public class ResourceCommandService
{
    private readonly ResourceNotificationService _notifications;
    private readonly ResourceLoggerService _loggers;
    private readonly IServiceProvider _services;

    internal ResourceCommandService(
        ResourceNotificationService notifications, ResourceLoggerService loggers, IServiceProvider services)
    {
        _notifications = notifications;
        _loggers = loggers;
        _services = services;
    }

    public Task<ExecuteCommandResult> ExecuteCommandAsync(
        string resourceId, string commandName, CancellationToken cancellationToken = default) =>
        _notifications.TryGetCurrentState(resourceId, out var state)
            ? ExecuteAsync(state.ResourceId, state.Resource, commandName, cancellationToken)
            : Task.FromResult(CommandResults.Failure($"Resource '{resourceId}' not found."));

    public async Task<ExecuteCommandResult> ExecuteCommandAsync(
        IResource resource, string commandName, CancellationToken cancellationToken = default)
    {
        var ids = resource.InstanceIds();
        var results = await Task.WhenAll(ids.Select(id => ExecuteAsync(id, resource, commandName, cancellationToken)));
        if (results.Length == 1) return results[0];

        var failed = ids.Zip(results).Where(r => !r.Second.Success).ToArray();
        return failed.Length == 0
            ? CommandResults.Success()
            : CommandResults.Failure(string.Join('\n', failed.Select(f => $"{f.First}: {f.Second.Message}")));
    }

    private async Task<ExecuteCommandResult> ExecuteAsync(
        string resourceId, IResource resource, string commandName, CancellationToken cancellationToken)
    {
        var annotation = resource.Annotations.OfType<ResourceCommandAnnotation>()
            .SingleOrDefault(c => c.Name == commandName);
        if (annotation is null)
        {
            return CommandResults.Failure($"Command '{commandName}' not available for resource '{resource.Name}'.");
        }

        var logger = _loggers.GetLogger(resourceId);
        var context = new ExecuteCommandContext
        {
            ServiceProvider = _services,
            ResourceName = resourceId,
            CancellationToken = cancellationToken,
            Logger = logger,
        };
        try
        {
            return await annotation.ExecuteCommand(context);
        }
        catch (OperationCanceledException)
        {
            return CommandResults.Canceled();
        }
#pragma warning disable CA1031 // A command is somebody else's code; whatever it throws becomes its answer.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.LogError(failure, "Command {Command} failed", commandName);
            return CommandResults.Failure(failure);
        }
    }
}
