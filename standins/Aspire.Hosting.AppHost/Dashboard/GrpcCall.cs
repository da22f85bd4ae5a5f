using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Aspire.Hosting.Dashboard;

/// <summary>
/// One gRPC call as HTTP/2 carries it: messages behind five bytes (a flag for compression, a big-endian length), the
/// outcome in a trailer. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
/// </summary>
internal sealed class GrpcCall
{
    public const int Ok = 0;
    public const int Cancelled = 1;
    public const int Unimplemented = 12;
    public const int Unauthenticated = 16;

    private const int PrefixBytes = 5;
    private const int LargestRequestBytes = 64 * 1024;

    private readonly HttpContext _context;

    public GrpcCall(HttpContext context, CancellationToken ends)
    {
        _context = context;
        Ends = ends;
        context.Response.ContentType = "application/grpc";
    }

    /// <summary>The caller has gone, or the application ends.</summary>
    public CancellationToken Ends { get; }

    public async Task<T> ReadAsync<T>(MessageParser<T> parser) where T : IMessage<T>
    {
        var prefix = new byte[PrefixBytes];
        await _context.Request.Body.ReadExactlyAsync(prefix, Ends);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1));
        if (prefix[0] != 0 || length > LargestRequestBytes)
        {
            throw new BadHttpRequestException("A compressed or oversized message; none was announced.");
        }

        var message = new byte[length];
        await _context.Request.Body.ReadExactlyAsync(message, Ends);
        return parser.ParseFrom(message);
    }

    public async Task WriteAsync(IMessage message)
    {
        var frame = new byte[PrefixBytes + message.CalculateSize()];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)(frame.Length - PrefixBytes));
        message.WriteTo(frame.AsSpan(PrefixBytes));
        await _context.Response.Body.WriteAsync(frame, Ends);
        await _context.Response.Body.FlushAsync(Ends);
    }

    /// <summary>Keeps a stream open without a message until it ends.</summary>
    public async Task StaySilentAsync()
    {
        await _context.Response.StartAsync(Ends);
        await Task.Delay(Timeout.Infinite, Ends);
    }

    public void Finish(int status)
    {
        if (_context.RequestAborted.IsCancellationRequested) return;

        _context.Response.AppendTrailer("grpc-status", status.ToString(CultureInfo.InvariantCulture));
    }
}
