using System.Collections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace SampleHost;

/// <summary>Tells who it is and what it was given, and dies when told to.</summary>
internal static class EchoService
{
    public static async Task<int> RunAsync(string[] args)
    {
        var app = WebApplication.CreateSlimBuilder(args).Build();
        app.MapGet("/health", () => "ok");
        app.MapGet("/pid", () => Environment.ProcessId);
        app.MapGet("/environment", () => Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value));
        app.MapPost("/read", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            return Results.Bytes(body.ToArray());
        });
        app.MapPost("/exit/{code:int}", (int code) => Environment.Exit(code));
        await app.RunAsync();
        return 0;
    }
}
