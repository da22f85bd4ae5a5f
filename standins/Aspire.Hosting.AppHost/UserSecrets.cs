using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.UserSecrets;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting;

/// <summary>The user-secrets file of the AppHost: flat keys in one JSON object, readable by its owner alone.</summary>
internal sealed class UserSecrets
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Lock _gate = new();
    private readonly string _path;

    internal UserSecrets(string path) => _path = path;

    /// <summary>
    /// Null where nothing is to be kept: the AppHost has no UserSecretsId, or it runs under a test, which must not see
    /// what this machine has kept either.
    /// </summary>
    public static UserSecrets? For(
        Assembly? appHost, HostApplicationBuilder host, DistributedApplicationExecutionContext context, bool isTest)
    {
        if (isTest)
        {
            var kept = host.Configuration.Sources.OfType<JsonConfigurationSource>()
                .Where(s => s.Path == "secrets.json").ToArray();
            foreach (var source in kept) host.Configuration.Sources.Remove(source);
            return null;
        }

        var id = appHost?.GetCustomAttribute<UserSecretsIdAttribute>()?.UserSecretsId;
        if (id is null || !context.IsRunMode) return null;

        // Outside Development the host itself does not read them, but what was kept must be found again.
        if (!host.Environment.IsDevelopment()) host.Configuration.AddUserSecrets(id, reloadOnChange: false);
        return new UserSecrets(PathHelper.GetSecretsPathFromSecretsId(id));
    }

    public void Set(string key, string value)
    {
        lock (_gate)
        {
            var directory = Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            var secrets = File.Exists(_path) ? JsonNode.Parse(File.ReadAllText(_path))!.AsObject() : [];
            secrets[key] = value;

            // Written beside and moved over: a crash in between leaves the old file whole.
            var fresh = Path.Combine(directory.FullName, $"secrets.{Environment.ProcessId}.tmp");
            File.WriteAllText(fresh, secrets.ToJsonString(Indented));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(fresh, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            File.Move(fresh, _path, overwrite: true);
        }
    }
}
