using System.Net.NetworkInformation;
using Microsoft.Extensions.Configuration;

namespace Shop.AppHost.Control;

/// <summary>The ports that are the same at every start. Two shops on one machine need others for the second.</summary>
internal static class FixedPorts
{
    /// <summary>A sentence for whoever started it when another program keeps a port; null when all are free.</summary>
    public static async Task<string?> WhichPortIsTakenAsync(this IDistributedApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        if (!builder.ExecutionContext.IsRunMode || configuration.GetValue("DcpPublisher:RandomizePorts", false))
        {
            return null;
        }

        // What a killed shop left behind is ended within 20 s.
        using var patience = new CancellationTokenSource(
            TimeSpan.FromSeconds(configuration.GetValue("PortPatienceSeconds", 20)));
        var told = false;
        while (Taken(builder) is { } taken)
        {
            if (patience.IsCancellationRequested)
            {
                return $"Port {taken.Port}, which {taken.User} needs, is taken: another shop, or another program. "
                    + "End it, or choose other ports in Properties/launchSettings.json.";
            }

            if (!told) await Console.Out.WriteLineAsync($"Waiting for port {taken.Port} ({taken.User}) to be free");
            told = true;
            await Task.Delay(200, CancellationToken.None);
        }

        return null;
    }

    private static (int Port, string User)? Taken(IDistributedApplicationBuilder builder)
    {
        var listening = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners()
            .Select(listener => listener.Port).ToHashSet();
        return Needed(builder).Cast<(int Port, string User)?>().FirstOrDefault(n => listening.Contains(n!.Value.Port));
    }

    private static IEnumerable<(int Port, string User)> Needed(IDistributedApplicationBuilder builder)
    {
        string?[] addresses =
        [
            .. builder.Configuration["ASPNETCORE_URLS"]?.Split(';') ?? [],
            builder.Configuration["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"],
            builder.Configuration["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"],
        ];
        foreach (var address in addresses)
        {
            if (Uri.TryCreate(address, UriKind.Absolute, out var uri)) yield return (uri.Port, "the dashboard");
        }

        foreach (var resource in builder.Resources)
        {
            foreach (var endpoint in resource.Annotations.OfType<EndpointAnnotation>())
            {
                if (endpoint.Port is { } port) yield return (port, resource.Name);
            }
        }
    }
}
