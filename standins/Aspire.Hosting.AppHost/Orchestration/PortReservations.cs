using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Aspire.Hosting.Orchestration;

/// <summary>
/// Ports for processes that bind later. Taken below the range from which systems give out ports by themselves, and held
/// by a locked file, so that neither an outgoing connection nor another host on this machine comes in between.
/// </summary>
internal sealed class PortReservations : IDisposable
{
    private const int First = 20_000;
    private const int End = 32_000;
    private const int Attempts = 1_000;

    private readonly ConcurrentBag<FileStream> _held = [];

    public int Take()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"shop-ports-{Environment.UserName}"));
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(First, End);
            try
            {
                // FileShare.None is a lock that the system takes back when this process ends.
                var file = new FileStream(
                    Path.Combine(folder.FullName, $"{port}"),
                    FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                if (IsFree(port))
                {
                    _held.Add(file);
                    return port;
                }

                file.Dispose();
            }
            catch (IOException)
            {
                // Another host holds this one.
            }
        }

        throw new DistributedApplicationException($"No free port found between {First} and {End}.");
    }

    public void Dispose()
    {
        foreach (var file in _held) file.Dispose();
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
