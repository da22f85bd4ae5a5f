using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace Microsoft.Extensions.ServiceDiscovery;

/// <summary>
/// The endpoints of <c>Services:{name}:{scheme}</c>, one or a list, taken in turn. A service that has none there is
/// left as it is: its name is then for DNS to resolve.
/// </summary>
internal sealed class ConfiguredEndpoints : IDisposable
{
    private const string Section = "Services";
    private readonly IConfiguration _configuration;
    private readonly IDisposable _reloads;
    private readonly ConcurrentDictionary<(string Schemes, string Service), Rotation> _known = new();

    public ConfiguredEndpoints(IConfiguration configuration)
    {
        _configuration = configuration;
        _reloads = ChangeToken.OnChange(configuration.GetReloadToken, _known.Clear);
    }

    public Uri Resolve(Uri address)
    {
        var rotation = _known.GetOrAdd((address.Scheme, address.Host), static (key, self) => self.Read(key), this);
        var endpoint = rotation.Next();
        if (endpoint is null) return PassThrough(address);

        var resolved = new UriBuilder(address)
        {
            Scheme = endpoint.Scheme,
            Host = endpoint.Host,
            Port = endpoint.IsDefaultPort ? -1 : endpoint.Port,
            Path = endpoint.AbsolutePath.TrimEnd('/') + address.AbsolutePath,
        };
        return resolved.Uri;
    }

    public void Dispose() => _reloads.Dispose();

    private static Uri PassThrough(Uri address)
    {
        var plus = address.Scheme.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? address : new UriBuilder(address) { Scheme = address.Scheme[..plus] }.Uri;
    }

    // "https+http" prefers https: the first scheme that has endpoints is taken alone.
    private Rotation Read((string Schemes, string Service) key)
    {
        foreach (var scheme in key.Schemes.Split('+'))
        {
            var section = _configuration.GetSection(Section).GetSection(key.Service).GetSection(scheme);
            var values = section.Value is { Length: > 0 } single
                ? [single]
                : section.GetChildren().Select(child => child.Value).Where(value => !string.IsNullOrEmpty(value));
            var endpoints = values.Select(value => Parse(value!, scheme)).ToArray();
            if (endpoints.Length > 0) return new Rotation(endpoints);
        }

        return new Rotation([]);
    }

    private static Uri Parse(string value, string scheme) =>
        new(value.Contains("://", StringComparison.Ordinal) ? value : $"{scheme}://{value}");

    private sealed class Rotation(Uri[] endpoints)
    {
        private uint _turn = uint.MaxValue;

        public Uri? Next() => endpoints.Length switch
        {
            0 => null,
            1 => endpoints[0],
            _ => endpoints[Interlocked.Increment(ref _turn) % (uint)endpoints.Length],
        };
    }
}

/// <summary>Sends a request to one endpoint of the service that its address names.</summary>
internal sealed class ResolvingHandler(ConfiguredEndpoints endpoints) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var named = request.RequestUri ?? throw new InvalidOperationException("The request has no address.");
        request.RequestUri = endpoints.Resolve(named);
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        finally
        {
            // A repetition starts from the name again, and may reach another replica.
            request.RequestUri = named;
        }
    }
}
