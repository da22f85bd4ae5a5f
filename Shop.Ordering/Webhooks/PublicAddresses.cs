using System.Net;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Tells addresses of the internet from those of this machine and its networks (RFC 6890), which somebody who may
/// register a webhook must not reach through us.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] Private =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
            // Besides loopback and private networks: those that carry an IPv4 address inside.
            "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10",
            "ff00::/8",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    public static bool Includes(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !Array.Exists(Private, network => network.Contains(plain));
    }

    /// <summary>Whether the host is a name that may lead anywhere, or a public address itself.</summary>
    public static bool MayName(Uri uri) =>
        !uri.IsLoopback && (!IPAddress.TryParse(uri.DnsSafeHost, out var address) || Includes(address));
}
