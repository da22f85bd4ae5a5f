using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Shop.Ordering.Webhooks;

/// <summary>
/// Sends one body to an address outside, signed, with a time limit. The address is judged where the connection is made,
/// after the name is resolved: a name that leads elsewhere later is judged again. No proxy and no redirect stands
/// between that and the receiver, and of the answer nothing but its status is read.
/// </summary>
internal sealed partial class WebhookSender : IDisposable
{
    public const string SignatureHeader = "Shop-Signature";

    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private readonly WebhookOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<WebhookSender> _log;
    private readonly HttpClient _client;

    public WebhookSender(WebhookOptions options, TimeProvider clock, ILogger<WebhookSender> log)
    {
        (_options, _clock, _log) = (options, clock, log);
        _client = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = ConnectionLifetime,
            ConnectCallback = ConnectAsync,
        })
        {
            Timeout = TimeSpan.FromSeconds(options.TimeoutSeconds),
        };
    }

    public void Dispose() => _client.Dispose();

    /// <summary>
    /// <c>t=unix,v1=hex</c>, where v1 is HMAC-SHA256 of "t.body" under the webhook's secret, as processors do it.
    /// </summary>
    internal static string Sign(long unixSeconds, ReadOnlySpan<byte> body, byte[] secret)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        hmac.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{unixSeconds}.")));
        hmac.AppendData(body);
        return string.Create(
            CultureInfo.InvariantCulture, $"t={unixSeconds},v1={Convert.ToHexStringLower(hmac.GetHashAndReset())}");
    }

    /// <summary>Why it was not taken, or null: it was.</summary>
    public async Task<string?> TrySendAsync(string url, byte[] secret, string body, CancellationToken ct)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.Add(SignatureHeader, Sign(_clock.GetUtcNow().ToUnixTimeSeconds(), bytes, secret));
        try
        {
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            return response.IsSuccessStatusCode ? null : $"HTTP {(int)response.StatusCode}";
        }
        catch (HttpRequestException e)
        {
            return e.InnerException is AddressRefusedException ? "private address" : e.HttpRequestError.ToString();
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return "no answer in time";
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // One that can't be sent for a reason of ours must not keep the others of its round.
            NotSent(_log, e);
            return e.GetType().Name;
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var target = context.DnsEndPoint;
        var addresses = await Dns.GetHostAddressesAsync(target.Host, ct);
        var allowed = _options.AllowPrivateAddresses == true
            ? addresses
            : Array.FindAll(addresses, PublicAddresses.Includes);
        if (allowed.Length == 0) throw new AddressRefusedException();

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, target.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    [LoggerMessage(LogLevel.Error, "A webhook could not be sent")]
    private static partial void NotSent(ILogger log, Exception e);

    private sealed class AddressRefusedException() : IOException("The name leads to private addresses only.");
}
