using Microsoft.Extensions.Configuration;

namespace Aspire.Hosting.Dashboard;

/// <summary>The program that comes with the Aspire CLI and, among other things, is the dashboard.</summary>
internal static class DashboardBinary
{
    public const string HowToInstall =
        "`npm install --prefix .shop/aspire @microsoft/aspire-cli-linux-x64@13.5.4`, then `aspire setup` from it,";

    private const string Program = "bundle/managed/aspire-managed";

    public static string? Find(IConfiguration configuration, string appHostDirectory) =>
        configuration["ASPIRE_DASHBOARD_PATH"] is { Length: > 0 } given
            ? given
            : Candidates(configuration, appHostDirectory).FirstOrDefault(File.Exists);

    // Beside the application, in the user's own installation of the CLI, and where npm installs for everybody.
    private static IEnumerable<string> Candidates(IConfiguration configuration, string appHostDirectory)
    {
        string[] modules =
        [
            Path.Combine(appHostDirectory, "..", ".shop", "aspire", "node_modules"),
            "/usr/lib/node_modules",
            "/usr/local/lib/node_modules",
        ];
        var packages = modules.Select(m => Path.Combine(m, "@microsoft")).Where(Directory.Exists)
            .SelectMany(m => Directory.GetDirectories(m, "aspire-cli-*"));
        return packages.Append(Path.Combine(configuration["HOME"] ?? "/", ".aspire"))
            .Select(folder => Path.GetFullPath(Path.Combine(folder, Program)));
    }
}
