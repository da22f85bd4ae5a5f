using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Shop.Ordering.Feed;

/// <summary>Lines that are sent together; the ids of its first and last row name it.</summary>
internal sealed record FeedBatch(DateTimeOffset At, long First, long Last, IEnumerable<string> Lines)
{
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{First:D12}-{Last:D12}");

    public byte[] ToNdjson() => Encoding.UTF8.GetBytes(string.Concat(Lines.Select(line => line + '\n')));
}

/// <summary>Where batches go: an address or a folder. A batch may come twice; its lines name their events.</summary>
internal abstract class FeedTarget
{
    /// <summary>The target that is configured, or null.</summary>
    public static FeedTarget? Of(FeedOptions options)
    {
        var (hasUrl, hasFolder) = (!string.IsNullOrEmpty(options.Url), !string.IsNullOrEmpty(options.Folder));
        if (hasUrl && hasFolder)
        {
            throw new InvalidOperationException(
                $"{FeedOptions.Section}:Url and {FeedOptions.Section}:Folder are both set; choose one.");
        }

        if (hasUrl) return new Address(AddressOf(options.Url!), options);
        return hasFolder ? new Folder(options.Folder!) : null;
    }

    /// <summary>Returns once the target has the batch; throws otherwise.</summary>
    public abstract Task SendAsync(FeedBatch batch, CancellationToken ct);

    private static Uri AddressOf(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri
            : throw new InvalidOperationException(
                $"{FeedOptions.Section}:Url is '{url}'; an absolute http or https address is needed.");

    private sealed class Address(Uri url, FeedOptions options) : FeedTarget, IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            Timeout = TimeSpan.FromSeconds(options.TimeoutSeconds),
        };

        public void Dispose() => _client.Dispose();

        public override async Task SendAsync(FeedBatch batch, CancellationToken ct)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url);
            request.Content = new ByteArrayContent(batch.ToNdjson());
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
            request.Headers.Add("Feed-Batch", batch.Name);
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            response.EnsureSuccessStatusCode();
        }
    }

    /// <summary>Files that sort by time. A reader sees a file whole or not at all.</summary>
    private sealed class Folder(string path) : FeedTarget
    {
        public override async Task SendAsync(FeedBatch batch, CancellationToken ct)
        {
            Directory.CreateDirectory(path);
            var name = string.Create(
                CultureInfo.InvariantCulture, $"events-{batch.At:yyyyMMdd'T'HHmmss.ffffff'Z'}-{batch.Name}.ndjson");
            var hidden = Path.Combine(path, $".{name}.tmp");
            try
            {
                await using (var file = new FileStream(hidden, FileMode.Create, FileAccess.Write, FileShare.None))
                {
                    await file.WriteAsync(batch.ToNdjson(), ct);
                    file.Flush(flushToDisk: true); // Before its name appears, so that it is whole also after a crash.
                }

                File.Move(hidden, Path.Combine(path, name), overwrite: false);
            }
            catch
            {
                File.Delete(hidden);
                throw;
            }
        }
    }
}
