using System.Text.Json;
using System.Text.Json.Serialization;
using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

/// <summary>What a resource needs to be found by name from other processes.</summary>
public interface IResourceWithServiceDiscovery : IResourceWithEndpoints;

/// <summary>A project that the application runs; the build writes one class for each project reference.</summary>
public interface IProjectMetadata : IResourceAnnotation
{
    string ProjectPath { get; }
}

/// <summary>The part of launchSettings.json that decides ports and variables.</summary>
internal sealed class LaunchProfile
{
    private static readonly JsonSerializerOptions Options = new()
    {
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    [JsonPropertyName("commandName")]
    public string? CommandName { get; set; }

    [JsonPropertyName("applicationUrl")]
    public string? ApplicationUrl { get; set; }

    [JsonPropertyName("commandLineArgs")]
    public string? CommandLineArgs { get; set; }

    [JsonPropertyName("environmentVariables")]
    public Dictionary<string, string> EnvironmentVariables { get; set; } = [];

    /// <summary>The named profile; else the one that the host itself was launched with; else the first.</summary>
    public static LaunchProfile? Find(string projectPath, string? name, string? hostProfile)
    {
        var path = Path.Combine(Path.GetDirectoryName(projectPath)!, "Properties", "launchSettings.json");
        if (!File.Exists(path)) return null;

        var settings = JsonSerializer.Deserialize<LaunchSettings>(File.ReadAllText(path), Options);
        var profiles = settings?.Profiles.Where(p => p.Value.CommandName == "Project").ToArray() ?? [];
        if (name is not null)
        {
            return profiles.FirstOrDefault(p => p.Key == name).Value ?? throw new DistributedApplicationException(
                $"{path} has no launch profile '{name}'.");
        }

        return profiles.FirstOrDefault(p => p.Key == hostProfile).Value ?? profiles.FirstOrDefault().Value;
    }

    private sealed class LaunchSettings
    {
        [JsonPropertyName("profiles")]
        public Dictionary<string, LaunchProfile> Profiles { get; set; } = [];
    }
}
