using System.Net.Sockets;
using Microsoft.Extensions.Configuration;

namespace Shop.AppHost.Control;

/// <summary>Where the dashboard answers, and the address that logs a browser in.</summary>
internal sealed class DashboardAddress(IConfiguration configuration)
{
    public async Task<(string Root, string Login)?> FindAsync(CancellationToken ct)
    {
        if (configuration["ASPNETCORE_URLS"]?.Split(';')[0] is not { Length: > 0 } root
            || !Uri.TryCreate(root, UriKind.Absolute, out var address))
        {
            return null;
        }

        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port, ct);
        }
        catch (SocketException)
        {
            return null; // It is not installed, or switched off; the shop works without it.
        }

        root = root.TrimEnd('/');
        return (root, $"{root}/login?t={configuration["AppHost:BrowserToken"]}");
    }
}
