using System.Security.Cryptography;
using System.Text;

namespace Shop.AppHost.Infrastructure;

/// <summary>Where native servers keep their data: <c>.shop/data</c> of this repository, or as configured.</summary>
internal static class DataFolder
{
    private const string RootsOwn = "/var/lib/shop";

    public static string Of(IDistributedApplicationBuilder builder) =>
        Path.GetFullPath(
            builder.Configuration["DataFolder"] ?? Path.Combine(builder.AppHostDirectory, "..", ".shop", "data"));

    /// <summary>
    /// The folder itself, or one of its own under /var/lib where a server that dropped root could not reach it, as
    /// below a home folder that only root may enter.
    /// </summary>
    public static string ReachableBy(string? user, string folder)
    {
        if (user is null || OperatingSystem.IsWindows()) return folder;

        for (var parent = new DirectoryInfo(folder); parent is not null; parent = parent.Parent)
        {
            if (parent.Exists && !parent.UnixFileMode.HasFlag(UnixFileMode.OtherExecute))
            {
                var hash = SHA256.HashData(Encoding.UTF8.GetBytes(folder));
                return Path.Combine(RootsOwn, Convert.ToHexStringLower(hash.AsSpan(0, 6)));
            }
        }

        return folder;
    }
}
