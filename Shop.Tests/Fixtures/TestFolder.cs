using System.Net.Sockets;

namespace Shop.Tests.Fixtures;

/// <summary>A folder for the data of one application under test, so that any number of them run side by side.</summary>
internal sealed class TestFolder
{
    private TestFolder(string path) => Path = path;

    public string Path { get; }

    public string ControlSocket => System.IO.Path.Combine(Path, "control.sock");

    public string[] AppHostArguments => [$"--DataFolder={Path}", $"--ControlSocket={ControlSocket}"];

    // Not CreateTempSubdirectory: that one is closed to the user as whom PostgreSQL runs when root runs the tests.
    public static TestFolder Create() => new(Directory.CreateDirectory(
        System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"shop-test-{Guid.CreateVersion7():n}")).FullName);

    /// <summary>A client of the control endpoint of the AppHost that runs with these arguments.</summary>
    public HttpClient ControlClient() =>
        new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(ControlSocket), ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://shop"),
        };

    public void Delete()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
