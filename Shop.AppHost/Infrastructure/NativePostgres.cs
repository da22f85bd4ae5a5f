using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Shop.AppHost.Infrastructure;

/// <summary>A PostgreSQL cluster of the shop's own: made once, then started again on the same data.</summary>
internal sealed class NativePostgres
{
    private const int OldServerGoneSeconds = 20;

    // In bytes, of each connection's server process.
    private const string KeptMemory = "33554432";
    private const string MemoryStep = "1048576";

    private readonly string _binaries;
    private readonly string? _user;
    private readonly string _folder;
    private readonly string _cluster;
    private readonly string _passwordMark;
    private readonly ParameterResource _password;

    private NativePostgres(IConfiguration configuration, string folder, ParameterResource password)
    {
        _binaries = Binaries.PostgresFolder(configuration)!;
        _user = Binaries.UserToDropTo();
        _folder = Path.Combine(DataFolder.ReachableBy(_user, folder), "postgres");
        _cluster = Path.Combine(_folder, "cluster");
        _passwordMark = Path.Combine(_folder, "password.sha256");
        _password = password;
    }

    public static NativeServer Server(
        IConfiguration configuration, string folder, int port, string maxConnections, ParameterResource password)
    {
        var postgres = new NativePostgres(configuration, folder, password);
        var (command, arguments) = postgres.AsUser(
            "postgres", "-D", postgres._cluster, "-p", port.ToString(CultureInfo.InvariantCulture),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", $"max_connections={maxConnections}", "-c", "fsync=on");
        return new NativeServer(command, postgres._folder, arguments, postgres.PrepareAsync)
        {
            // Else glibc gives the memory of each statement back to the kernel and asks for it again for the next.
            Environment = [("MALLOC_TRIM_THRESHOLD_", KeptMemory), ("MALLOC_TOP_PAD_", MemoryStep)],
        };
    }

    private async Task PrepareAsync(ILogger logger, CancellationToken ct)
    {
        var password = await _password.GetValueAsync(ct) ?? "";
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(password)));
        Directory.CreateDirectory(_folder);
        if (_user is not null) await Tool.RunAsync("chown", [$"{_user}:", _folder], ct);
        await WaitForOldServerAsync(logger, ct);

        if (!File.Exists(_passwordMark))
        {
            // No mark: initdb never ended here. What it left is no cluster.
            if (Directory.Exists(_cluster)) Directory.Delete(_cluster, recursive: true);
            logger.LogInformation("Making a new PostgreSQL cluster in {Folder}", _cluster);
            await InitialiseAsync(password, ct);
        }
        else if (await File.ReadAllTextAsync(_passwordMark, ct) != mark)
        {
            logger.LogInformation("The password of {Folder} is another one now", _cluster);
            await ChangePasswordAsync(password, ct);
        }

        // Dying before this line makes the cluster again, or sets the password again, at the next start.
        await File.WriteAllTextAsync(_passwordMark, mark, ct);
    }

    private async Task InitialiseAsync(string password, CancellationToken ct)
    {
        var passwordFile = Path.Combine(_folder, "password");
        await File.WriteAllTextAsync(passwordFile, "", ct);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(passwordFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        if (_user is not null) await Tool.RunAsync("chown", [$"{_user}:", passwordFile], ct);
        await File.WriteAllTextAsync(passwordFile, password, ct);
        try
        {
            // Sorting by code point is the same everywhere, whatever language the machine speaks.
            var characters = OperatingSystem.IsMacOS() ? "en_US.UTF-8" : "C.UTF-8";
            var (command, arguments) = AsUser(
                "initdb", "-D", _cluster, "--username=postgres", $"--pwfile={passwordFile}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--lc-collate=C", $"--lc-ctype={characters}");
            await Tool.RunAsync(command, arguments, ct);
        }
        finally
        {
            File.Delete(passwordFile);
        }
    }

    private Task ChangePasswordAsync(string password, CancellationToken ct)
    {
        var (command, arguments) = AsUser("postgres", "--single", "-D", _cluster, "postgres");
        var quoted = password.Replace("'", "''", StringComparison.Ordinal);
        return Tool.RunAsync(command, arguments, ct, input: $"alter role postgres password '{quoted}'\n");
    }

    /// <summary>After a kill -9 of the AppHost the old server may be on its way out; two must not share data.</summary>
    private async Task WaitForOldServerAsync(ILogger logger, CancellationToken ct)
    {
        var pidFile = Path.Combine(_cluster, "postmaster.pid");
        var said = false;
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (var tries = OldServerGoneSeconds * 10; tries > 0 && OwnerLives(pidFile); tries--)
        {
            if (!said) logger.LogInformation("Waiting for the server that still holds {File}", pidFile);
            said = true;
            await pause.WaitForNextTickAsync(ct);
        }
    }

    private bool OwnerLives(string pidFile)
    {
        if (!File.Exists(pidFile) || !File.Exists("/proc/self/cmdline")) return false;

        try
        {
            var pid = File.ReadLines(pidFile).First();
            return File.ReadAllText($"/proc/{pid}/cmdline").Contains(_cluster, StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is IOException or InvalidOperationException)
        {
            return false; // The process, or its file, went while it was looked at.
        }
    }

    private (string Command, string[] Arguments) AsUser(string binary, params string[] arguments)
    {
        var path = Path.Combine(_binaries, binary);
        return _user is null
            ? (path, arguments)
            : ("setpriv", [$"--reuid={_user}", $"--regid={_user}", "--init-groups", path, .. arguments]);
    }
}
