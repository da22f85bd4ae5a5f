using System.Collections;
using System.Globalization;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Dashboard.Wire;
using Google.Protobuf.WellKnownTypes;
using Health = Microsoft.Extensions.Diagnostics.HealthChecks.HealthStatus;
using WireCommandState = Aspire.Hosting.Dashboard.Wire.ResourceCommandState;
using WireIconVariant = Aspire.Hosting.Dashboard.Wire.IconVariant;
using WireResource = Aspire.Hosting.Dashboard.Wire.Resource;

namespace Aspire.Hosting.Dashboard;

/// <summary>Snapshots in the words of the dashboard's contract.</summary>
internal static class ResourceMessages
{
    private const string ExitCode = "resource.exitCode";

    public static WireResource Resource(ResourceEvent change)
    {
        var snapshot = change.Snapshot;
        var message = new WireResource
        {
            Name = change.ResourceId,
            Uid = change.ResourceId,
            DisplayName = change.Resource.Name,
            ResourceType = snapshot.ResourceType,
            CreatedAt = Time(snapshot.CreationTimeStamp),
            StartedAt = Time(snapshot.StartTimeStamp),
            StoppedAt = Time(snapshot.StopTimeStamp),
            IsHidden = snapshot.IsHidden,
        };
        if (snapshot.State is { } state)
        {
            message.State = state.Text;
            if (state.Style is not null) message.StateStyle = state.Style;
        }

        message.Environment.AddRange(snapshot.EnvironmentVariables.Select(Variable));
        message.Urls.AddRange(snapshot.Urls.Select(Address));
        message.Properties.AddRange(snapshot.Properties.Select(p => Property(p.Name, p.Value, p.IsSensitive)));
        message.HealthReports.AddRange(snapshot.HealthReports.Select(Report));
        message.Commands.AddRange(snapshot.Commands.Select(Command));
        message.Relationships.AddRange(snapshot.Relationships.Select(
            r => new ResourceRelationship { ResourceName = r.ResourceName, Type = r.Type }));
        if (snapshot.ExitCode is { } code) message.Properties.Add(Property(ExitCode, code));
        if (snapshot.Relationships.FirstOrDefault(r => r.Type == "Parent") is { } parent)
        {
            message.Properties.Add(Property(KnownProperties.ParentName, parent.ResourceName));
        }

        return message;
    }

    public static WatchResourceConsoleLogsUpdate Lines(IReadOnlyList<LogLine> lines)
    {
        var update = new WatchResourceConsoleLogsUpdate();
        update.LogLines.AddRange(lines.Select(line => new ConsoleLogLine
        {
            Text = line.Content,
            LineNumber = line.LineNumber,
            IsStdErr = line.IsErrorMessage,
        }));
        return update;
    }

    private static EnvironmentVariable Variable(EnvironmentVariableSnapshot variable)
    {
        var message = new EnvironmentVariable { Name = variable.Name, IsFromSpec = variable.IsFromSpec };
        if (variable.Value is not null) message.Value = variable.Value;
        return message;
    }

    private static Url Address(UrlSnapshot url)
    {
        var message = new Url
        {
            FullUrl = url.Url,
            IsInternal = url.IsInternal,
            IsInactive = url.IsInactive,
            DisplayProperties = new UrlDisplayProperties(),
        };
        if (url.Name is not null) message.EndpointName = url.Name;
        return message;
    }

    private static ResourceProperty Property(string name, object? value, bool isSensitive = false) =>
        new() { Name = name, Value = Value(value), IsSensitive = isSensitive };

    private static Value Value(object? value) => value switch
    {
        null => Google.Protobuf.WellKnownTypes.Value.ForNull(),
        string text => Google.Protobuf.WellKnownTypes.Value.ForString(text),
        bool yes => Google.Protobuf.WellKnownTypes.Value.ForBool(yes),
        int or long or double => Google.Protobuf.WellKnownTypes.Value.ForNumber(
            Convert.ToDouble(value, CultureInfo.InvariantCulture)),
        IEnumerable many => Google.Protobuf.WellKnownTypes.Value.ForList([.. many.Cast<object?>().Select(Value)]),
        _ => Google.Protobuf.WellKnownTypes.Value.ForString(
            Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""),
    };

    private static HealthReport Report(HealthReportSnapshot report)
    {
        var message = new HealthReport
        {
            Key = report.Name,
            Description = report.Description ?? "",
            Exception = report.ExceptionText ?? "",
            LastRunAt = Time(report.LastRunAt),
        };
        if (report.Status is { } status)
        {
            message.Status = status switch
            {
                Health.Healthy => HealthStatus.Healthy,
                Health.Degraded => HealthStatus.Degraded,
                _ => HealthStatus.Unhealthy,
            };
        }

        return message;
    }

    private static ResourceCommand Command(ResourceCommandSnapshot command)
    {
        var message = new ResourceCommand
        {
            Name = command.Name,
            DisplayName = command.DisplayName,
            IsHighlighted = command.IsHighlighted,
            State = (WireCommandState)(int)command.State,
        };
        if (command.ConfirmationMessage is not null) message.ConfirmationMessage = command.ConfirmationMessage;
        if (command.DisplayDescription is not null) message.DisplayDescription = command.DisplayDescription;
        if (command.IconName is not null) message.IconName = command.IconName;
        if (command.IconVariant is { } variant) message.IconVariant = (WireIconVariant)(int)variant;
        return message;
    }

    // The host's times are UTC; the wire type takes no others.
    private static Timestamp? Time(DateTime? time) =>
        time is { } known ? Timestamp.FromDateTime(DateTime.SpecifyKind(known, DateTimeKind.Utc)) : null;
}
