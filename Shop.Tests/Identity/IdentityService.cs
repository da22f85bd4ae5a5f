using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;
using Shop.Identity;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Identity;

/// <summary>Identity whole, behind Kestrel, on a database of its own, with a clock that a test can move on.</summary>
public sealed class IdentityService : IAsyncLifetime
{
    public const string Secret = "a-key-encryption-key-of-the-tests";
    public const string Password = "correct horse battery";
    public const string SamplePassword = "sample-password-of-the-tests";

    private readonly InfrastructureFixture _infrastructure = new();
    private WebApplication _app = null!;

    public MovedClock Clock { get; } = new();

    public HttpClient Http { get; private set; } = null!;

    public IServiceProvider Services => _app.Services;

    public string Database => _infrastructure.Database;

    public async Task InitializeAsync()
    {
        await _infrastructure.InitializeAsync();
        _app = Build();
        await _app.StartAsync();
        Http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        await _infrastructure.DisposeAsync();
    }

    /// <summary>Another replica on the same database; start it, and dispose of it.</summary>
    public WebApplication Build(params string[] settings) => IdentityApp.Build(
        [
            "--environment=Development", "--urls=http://127.0.0.1:0",
            $"--ConnectionStrings:identitydb={Database}",
            $"--Identity:KeyEncryptionKey={Secret}", "--Identity:PasswordIterations=1000",
            "--Identity:ClockSkewSeconds=0", $"--Samples:Password={SamplePassword}",
            "--Clients:ordering:Secret=secret-of-ordering", "--Clients:workers:Secret=secret-of-workers",
            .. settings,
        ],
        builder => builder.Services.AddSingleton<TimeProvider>(Clock));

    /// <summary>A new user's id and e-mail.</summary>
    public async Task<(Guid Id, string Email)> RegisterAsync()
    {
        var email = $"user-{Guid.CreateVersion7():n}@example.com";
        var response = await PostAsync("/users", new { email, password = Password, name = "Test User" });
        return ((await JsonAsync(response, 201)).GetProperty("id").GetGuid(), email);
    }

    public Task<HttpResponseMessage> LoginAsync(string email, string password = Password) =>
        PostAsync("/auth/login", new { email, password });

    public async Task<Tokens> SignInAsync(string email, string password = Password) =>
        Tokens.Of(await JsonAsync(await LoginAsync(email, password), 200));

    public Task<HttpResponseMessage> PostAsync(string path, object? body, string? token = null) =>
        SendAsync(HttpMethod.Post, path, body, token);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, string? token)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = JsonContent.Create(body);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await Http.SendAsync(request);
    }

    public async Task<int> StatusOfMeAsync(string token) =>
        (int)(await SendAsync(HttpMethod.Get, "/users/me", null, token)).StatusCode;

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(Database);
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response, int status)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}, not {status}: {body}");
        return JsonDocument.Parse(body).RootElement;
    }

    public static async Task<string> ProblemAsync(HttpResponseMessage response, int status) =>
        (await JsonAsync(response, status)).GetProperty("type").GetString()!;

    /// <summary>What login and refresh answer.</summary>
    public sealed record Tokens(string Access, string Refresh)
    {
        public JsonWebToken Jwt => new(Access);

        public static Tokens Of(JsonElement json) =>
            new(json.GetProperty("accessToken").GetString()!, json.GetProperty("refreshToken").GetString()!);
    }
}

/// <summary>The system's clock, moved on or stopped by a test.</summary>
public sealed class MovedClock : TimeProvider
{
    private long _ticks;
    private long _stoppedAt; // 0: it runs.

    /// <summary>Dispose of the answer to go back: tokens of the future are not valid yet.</summary>
    public IDisposable Advance(TimeSpan by)
    {
        Interlocked.Add(ref _ticks, by.Ticks);
        return new Return(() => Interlocked.Add(ref _ticks, -by.Ticks));
    }

    /// <summary>Dispose of the answer to let it run again, as if it had never stood.</summary>
    public IDisposable StandStill()
    {
        Interlocked.Exchange(ref _stoppedAt, System.GetUtcNow().UtcTicks);
        return new Return(() => Interlocked.Exchange(ref _stoppedAt, 0));
    }

    public override DateTimeOffset GetUtcNow()
    {
        var stoppedAt = Interlocked.Read(ref _stoppedAt);
        var now = stoppedAt == 0 ? System.GetUtcNow() : new DateTimeOffset(stoppedAt, TimeSpan.Zero);
        return now.AddTicks(Interlocked.Read(ref _ticks));
    }

    private sealed class Return(Action back) : IDisposable
    {
        public void Dispose() => back();
    }
}
