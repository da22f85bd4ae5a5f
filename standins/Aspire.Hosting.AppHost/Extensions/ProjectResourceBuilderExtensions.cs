using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

public static class ProjectResourceBuilderExtensions
{
    public static IResourceBuilder<ProjectResource> AddProject<TProject>(
        this IDistributedApplicationBuilder builder, string name)
        where TProject : IProjectMetadata, new() =>
        builder.AddProject(name, new TProject(), launchProfileName: null);

    public static IResourceBuilder<ProjectResource> AddProject<TProject>(
        this IDistributedApplicationBuilder builder, string name, string? launchProfileName)
        where TProject : IProjectMetadata, new() =>
        builder.AddProject(name, new TProject(), launchProfileName);

    public static IResourceBuilder<ProjectResource> AddProject(
        this IDistributedApplicationBuilder builder, string name, string projectPath) =>
        builder.AddProject(name, new ProjectFile(Path.Combine(builder.AppHostDirectory, projectPath)), null);

    public static IResourceBuilder<ProjectResource> WithReplicas(
        this IResourceBuilder<ProjectResource> builder, int replicas) =>
        builder.WithAnnotation(new ReplicaAnnotation(replicas), ResourceAnnotationMutationBehavior.Replace);

    private static IResourceBuilder<ProjectResource> AddProject(
        this IDistributedApplicationBuilder builder, string name, IProjectMetadata metadata, string? launchProfileName)
    {
        var project = builder.AddResource(new ProjectResource(name)).WithAnnotation(metadata);
        var hostProfile = builder.Configuration["DOTNET_LAUNCH_PROFILE"];
        if (LaunchProfile.Find(metadata.ProjectPath, launchProfileName, hostProfile) is not { } profile)
        {
            return project;
        }

        var urls = profile.ApplicationUrl?.Split(';', StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (var url in urls.Select(u => new Uri(u)))
        {
            project.WithEndpoint(port: url.Port, scheme: url.Scheme);
        }

        return project
            .WithEnvironment(context =>
            {
                foreach (var (key, value) in profile.EnvironmentVariables) context.EnvironmentVariables[key] = value;
            })
            .WithArgs(profile.CommandLineArgs?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? []);
    }

    private sealed class ProjectFile(string path) : IProjectMetadata
    {
        public string ProjectPath => Path.GetFullPath(path);
    }
}

public static class ExecutableResourceBuilderExtensions
{
    public static IResourceBuilder<ExecutableResource> AddExecutable(
        this IDistributedApplicationBuilder builder,
        string name,
        string command,
        string workingDirectory,
        params string[]? args) =>
        builder.AddExecutable(name, command, workingDirectory, (object[]?)args);

    public static IResourceBuilder<ExecutableResource> AddExecutable(
        this IDistributedApplicationBuilder builder,
        string name,
        string command,
        string workingDirectory,
        params object[]? args)
    {
        var directory = Path.GetFullPath(Path.Combine(builder.AppHostDirectory, workingDirectory));
        return builder.AddResource(new ExecutableResource(name, command, directory)).WithArgs(args ?? []);
    }
}
