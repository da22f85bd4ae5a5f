using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// The ports of the instance whose environment and arguments are being worked out right now: an expression that asks
/// for a target port must give each replica its own.
/// </summary>
internal static class InstancePorts
{
    private static readonly AsyncLocal<IReadOnlyDictionary<EndpointAnnotation, int>?> Current = new();

    public static int? Find(EndpointAnnotation endpoint) =>
        Current.Value?.TryGetValue(endpoint, out var port) is true ? port : null;

    public static void Use(IReadOnlyDictionary<EndpointAnnotation, int> ports) => Current.Value = ports;
}
