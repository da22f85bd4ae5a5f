using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Shop.AppHost.Infrastructure;

/// <summary>A redis-server of the shop's own; its append-only file is written through once a second.</summary>
internal sealed class NativeRedis
{
    public static NativeServer Server(
        IConfiguration configuration, string dataFolder, int port, ParameterResource password)
    {
        var folder = Path.Combine(dataFolder, "redis");
        var file = Path.Combine(folder, "redis.conf");
        return new NativeServer(Binaries.Redis(configuration)!, folder, [file], PrepareAsync);

        // A file that only its owner may read: arguments show in every process list.
        async Task PrepareAsync(ILogger logger, CancellationToken ct)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(file, "", ct);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            await File.WriteAllTextAsync(file, $"""
                bind 127.0.0.1
                port {port}
                dir "{folder}"
                requirepass "{await password.GetValueAsync(ct)}"
                appendonly yes
                appendfsync everysec
                save ""
                maxmemory-policy noeviction
                daemonize no

                """, ct);
        }
    }
}
