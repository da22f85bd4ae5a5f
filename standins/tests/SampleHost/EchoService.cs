using System.Collections;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;

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
        app.MapPost("/crash", () => Process.GetCurrentProcess().Kill());
        await app.RunAsync();
        return 0;
    }
}
