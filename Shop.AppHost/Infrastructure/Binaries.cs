using Microsoft.Extensions.Configuration;

namespace Shop.AppHost.Infrastructure;

/// <summary>Where the servers of this machine are, and as whom they may run.</summary>
internal static class Binaries
{
    // Debian and Homebrew keep PostgreSQL out of PATH, in a folder for each version.
    private static readonly string[] VersionFolders =
        ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

    private static readonly string[] PlainFolders =
        ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/usr/local/pgsql/bin"];

    /// <summary>The folder with both <c>postgres</c> and <c>initdb</c>.</summary>
    public static string? PostgresFolder(IConfiguration configuration) =>
        Folders(configuration).FirstOrDefault(
            f => File.Exists(Path.Combine(f, "postgres")) && File.Exists(Path.Combine(f, "initdb")));

    public static string? Redis(IConfiguration configuration) =>
        Folders(configuration).Select(f => Path.Combine(f, "redis-server")).FirstOrDefault(File.Exists);

    /// <summary>PostgreSQL refuses to run as root, so a shop that root starts runs it as somebody else.</summary>
    public static string? UserToDropTo()
    {
        if (OperatingSystem.IsWindows() || Environment.UserName != "root") return null;
        return File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal))
            ? "postgres"
            : "nobody";
    }

    /// <summary>A sentence that names what is missing and the command for it; null when all is there.</summary>
    public static string? Missing(IConfiguration configuration)
    {
        var postgres = PostgresFolder(configuration) is null;
        var redis = Redis(configuration) is null;
        if (!postgres && !redis) return null;

        var what = (postgres, redis) switch
        {
            (true, true) => "PostgreSQL and Redis are",
            (true, false) => "PostgreSQL is",
            _ => "Redis is",
        };
        var packages = OperatingSystem.IsMacOS()
            ? $"brew install{(postgres ? " postgresql@17" : "")}{(redis ? " redis" : "")}"
            : $"sudo apt-get install -y{(postgres ? " postgresql" : "")}{(redis ? " redis-server" : "")}";
        return $"{what} not installed: run `{packages}`, start Docker or Podman, or set Infrastructure=external.";
    }

    private static string[] Folders(IConfiguration configuration)
    {
        if (configuration["BinaryPath"] is { } given) return given.Split(Path.PathSeparator);

        var path = configuration["PATH"]?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];
        var versions = VersionFolders.Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories)
            .Where(f => f.Contains("postgresql", StringComparison.Ordinal))
            .OrderByDescending(f => f.Length).ThenByDescending(f => f, StringComparer.Ordinal)
            .Select(f => Path.Combine(f, "bin"));
        return [.. path, .. versions, .. PlainFolders];
    }
}
