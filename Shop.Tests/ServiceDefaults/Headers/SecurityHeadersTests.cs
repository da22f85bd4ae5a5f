using Microsoft.AspNetCore.Builder;
using Shop.Tests.ServiceDefaults.Http;

namespace Shop.Tests.ServiceDefaults.Headers;

public sealed class SecurityHeadersTests
{
    [Theory]
    [InlineData("/open", 200, "default-src 'none'; frame-ancestors 'none'")]
    [InlineData("/closed", 401, "default-src 'none'; frame-ancestors 'none'")]
    [InlineData("/broken", 500, "default-src 'none'; frame-ancestors 'none'")]
    [InlineData("/nowhere", 404, "default-src 'none'; frame-ancestors 'none'")]
    [InlineData("/swagger/index.html", 200, "default-src 'self'; script-src 'self'")]
    public async Task Every_answer_has_them(string path, int status, string policy)
    {
        await using var service = await StartAsync();

        using var answer = await service.Client.GetAsync(path);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("DENY", Header(answer, "X-Frame-Options"));
        Assert.Equal("no-referrer", Header(answer, "Referrer-Policy"));
        Assert.StartsWith(policy, Header(answer, "Content-Security-Policy"), StringComparison.Ordinal);
        // Over plain HTTP it would mean nothing (RFC 6797, 7.2).
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task No_other_origin_may_read_anything_unless_it_is_configured()
    {
        await using var closed = await StartAsync();
        await using var open = await StartAsync(("Cors:Origins:0", "https://shop.example"));

        Assert.Null(await AllowedOriginAsync(closed, "https://shop.example"));
        Assert.Equal("https://shop.example", await AllowedOriginAsync(open, "https://shop.example"));
        Assert.Null(await AllowedOriginAsync(open, "https://elsewhere.example"));
    }

    private static Task<TinyService> StartAsync(params (string, string)[] settings) => TinyService.StartAsync(
        app =>
        {
            app.MapGet("/open", () => "").AllowAnonymous();
            app.MapGet("/closed", () => "");
            app.MapGet("/broken", string () => throw new InvalidOperationException("A bug.")).AllowAnonymous();
        },
        null,
        settings);

    private static async Task<string?> AllowedOriginAsync(TinyService service, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/open");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "GET");
        using var answer = await service.Client.SendAsync(request);
        return Header(answer, "Access-Control-Allow-Origin");
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
