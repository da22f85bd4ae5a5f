using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Shop.AppHost.Infrastructure;

namespace Shop.AppHost.Control;

internal static class ControlExtensions
{
    /// <summary>Lets another terminal look into the running shop: <c>./shop resources</c>, <c>logs</c>, ...</summary>
    public static void AddControl(this IDistributedApplicationBuilder builder)
    {
        if (!builder.ExecutionContext.IsRunMode) return;

        builder.Services.AddSingleton<DashboardAddress>();
        builder.Services.AddSingleton<ResourceBoard>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ResourceBoard>());
        builder.Services.AddSingleton(new ControlSocket(SocketPath(builder)));
        builder.Services.AddHostedService<ControlService>();
    }

    /// <summary>A sentence for whoever started it when this shop cannot run now; null when it can.</summary>
    public static string? WhyItCannotStart(this IDistributedApplicationBuilder builder)
    {
        if (!builder.ExecutionContext.IsRunMode) return null;
        if (Answers(SocketPath(builder))) return "The shop runs already; ./shop stop ends it.";

        return ServerExtensions.Kind(builder.Configuration) == ServerKind.Native
            ? Binaries.Missing(builder.Configuration)
            : null;
    }

    private static string SocketPath(IDistributedApplicationBuilder builder) =>
        Path.GetFullPath(builder.Configuration["ControlSocket"]
            ?? Path.Combine(builder.AppHostDirectory, "..", ".shop", "control.sock"));

    private static bool Answers(string path)
    {
        if (!File.Exists(path)) return false;

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false; // Left behind by a shop that was killed.
        }
    }
}

internal sealed record ControlSocket(string Path);
