using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace Shop.Bench;

/// <summary>
/// One kept connection that speaks as much HTTP/1.1 as a service answers with. An HttpClient would take several times
/// the processor time of it, from the same processors that the shop runs on.
/// </summary>
internal sealed class HttpConnection(Uri address) : IDisposable
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private Socket? _socket;
    private int _start;
    private int _end;

    /// <summary>The status, and the body where it is not a success.</summary>
    public async ValueTask<(int Status, string? Problem)> SendAsync(ReadOnlyMemory<byte> request, CancellationToken ct)
    {
        _socket ??= await ConnectAsync(ct);
        while (!request.IsEmpty) request = request[await _socket.SendAsync(request, ct)..];

        var status = StatusOf(await LineAsync(ct));
        long? length = null;
        var chunked = false;
        var close = false;
        for (var line = await LineAsync(ct); line.Length > 0; line = await LineAsync(ct))
        {
            if (HasName(line.Span, "content-length:"u8)) length = Number(line.Span["content-length:".Length..]);
            else if (HasName(line.Span, "transfer-encoding:"u8)) chunked = true;
            else if (HasName(line.Span, "connection: close"u8)) close = true;
        }

        var problem = status is >= 200 and < 300 ? null : new StringBuilder();
        if (chunked) await ReadChunksAsync(problem, ct);
        else await ReadBodyAsync(length ?? throw Unreadable(), problem, ct);
        if (close) Dispose();
        return (status, problem?.ToString());
    }

    /// <summary>Whatever was under way is given up; the next request connects anew.</summary>
    public void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
        _start = _end = 0;
    }

    private async Task<Socket> ConnectAsync(CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address.Host, address.Port, ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async ValueTask ReadChunksAsync(StringBuilder? problem, CancellationToken ct)
    {
        while (true)
        {
            var line = await LineAsync(ct);
            if (!Utf8Parser.TryParse(line.Span, out int size, out _, 'x')) throw Unreadable();
            if (size == 0) break;

            await ReadBodyAsync(size, problem, ct);
            if ((await LineAsync(ct)).Length > 0) throw Unreadable();
        }

        if ((await LineAsync(ct)).Length > 0) throw Unreadable(); // The services send no trailers.
    }

    private async ValueTask ReadBodyAsync(long length, StringBuilder? problem, CancellationToken ct)
    {
        while (length > 0)
        {
            if (_start == _end) await FillAsync(ct);
            var here = (int)Math.Min(length, _end - _start);
            problem?.Append(Encoding.UTF8.GetString(_buffer, _start, here));
            _start += here;
            length -= here;
        }
    }

    /// <summary>The next line without its end; good until the next read.</summary>
    private async ValueTask<ReadOnlyMemory<byte>> LineAsync(CancellationToken ct)
    {
        while (true)
        {
            var length = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8);
            if (length >= 0)
            {
                var line = _buffer.AsMemory(_start, length);
                _start += length + 2;
                return line;
            }

            await FillAsync(ct);
        }
    }

    private async ValueTask FillAsync(CancellationToken ct)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length) throw Unreadable();
        var read = await _socket!.ReceiveAsync(_buffer.AsMemory(_end), ct);
        if (read == 0) throw new IOException("The connection ended within an answer.");
        _end += read;
    }

    // "HTTP/1.1 201 Created"
    private static int StatusOf(ReadOnlyMemory<byte> line) =>
        line.Length >= 12 && Utf8Parser.TryParse(line.Span[9..12], out int status, out _) ? status : throw Unreadable();

    private static long Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text.TrimStart((byte)' '), out long number, out _) ? number : throw Unreadable();

    private static bool HasName(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
        line.Length >= name.Length && Ascii.EqualsIgnoreCase(line[..name.Length], name);

    private static IOException Unreadable() => new("The answer is not HTTP/1.1 as the services speak it.");
}
