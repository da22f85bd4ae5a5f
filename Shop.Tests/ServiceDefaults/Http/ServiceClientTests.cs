using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Http;
using Shop.Tests.Fixtures;

namespace Shop.Tests.ServiceDefaults.Http;

/// <summary>What is repeated, what is not, when a service is given up, and what the caller then answers.</summary>
public sealed class ServiceClientTests : IAsyncLifetime
{
    private readonly ShiftedClock _clock = new();
    private Func<HttpContext, Task> _catalog = _ => Task.CompletedTask;
    private int _calls;
    private WebApplication _server = null!;
    private TinyService _caller = null!;

    public async Task InitializeAsync()
    {
        _server = await TinyService.StartPlainAsync(app => app.Run(context =>
        {
            Interlocked.Increment(ref _calls);
            return _catalog(context);
        }));
        _caller = await StartCallerAsync(_server.Urls.Single());
    }

    public async Task DisposeAsync()
    {
        await _caller.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("GET", false, 3)]
    [InlineData("HEAD", false, 3)]
    [InlineData("PUT", false, 3)]
    [InlineData("DELETE", false, 3)]
    [InlineData("POST", false, 1)]
    [InlineData("PATCH", false, 1)]
    [InlineData("POST", true, 3)]
    public async Task Only_what_may_be_repeated_is(string method, bool marked, int attempts)
    {
        _catalog = Answer(StatusCodes.Status503ServiceUnavailable);

        var failure = await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync(method, marked));

        Assert.Equal(("catalog", true, attempts), (failure.Service, failure.MayHaveArrived, _calls));
    }

    [Fact]
    public async Task A_repetition_that_succeeds_is_the_answer_and_carries_the_body_again()
    {
        var bodies = new List<string>();
        _catalog = async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies.Add(await reader.ReadToEndAsync());
            if (bodies.Count == 1) context.Response.StatusCode = StatusCodes.Status502BadGateway;
            else await context.Response.WriteAsync("reserved");
        };

        using var answer = await SendAsync("POST", marked: true, "the order");

        Assert.Equal("reserved", await answer.Content.ReadAsStringAsync());
        Assert.Equal(["the order", "the order"], bodies);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(500)]
    public async Task An_answer_of_the_service_itself_is_handed_on_as_it_is(int status)
    {
        _catalog = Answer(status);

        for (var i = 0; i < 8; i++)
        {
            using var answer = await SendAsync("GET");
            Assert.Equal(status, (int)answer.StatusCode);
        }

        Assert.Equal(8, _calls);
    }

    [Fact]
    public async Task An_attempt_that_hangs_is_cut_off_and_tried_again()
    {
        await using var caller = await StartCallerAsync(_server.Urls.Single(), ("Http:AttemptTimeoutSeconds", "5"));
        _catalog = context => _calls == 1 ? Task.Delay(Timeout.Infinite, context.RequestAborted) : Task.CompletedTask;

        using var answer = await SendAsync("GET", caller: caller);

        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, _calls));
    }

    [Fact]
    public async Task A_body_that_never_ends_counts_as_hanging()
    {
        await using var caller = await StartCallerAsync(_server.Urls.Single(), ("Http:AttemptTimeoutSeconds", "1"));
        _catalog = async context =>
        {
            await context.Response.WriteAsync("half of");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };

        var failure = await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST", caller: caller));

        Assert.True(failure.MayHaveArrived);
    }

    [Fact]
    public async Task All_attempts_together_have_a_limit()
    {
        // Long enough for the one attempt to arrive on a slow machine, far from the attempt's own limit of 60 s.
        await using var caller = await StartCallerAsync(_server.Urls.Single(), ("Http:TotalTimeoutSeconds", "5"));
        _catalog = context => Task.Delay(Timeout.Infinite, context.RequestAborted);
        var start = Stopwatch.GetTimestamp();

        await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("GET", caller: caller));

        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 4.9, 55);
        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_not_told_that_the_service_is_down()
    {
        using var caller = new CancellationTokenSource();
        _catalog = async context =>
        {
            await caller.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SendAsync("GET", ct: caller.Token));
    }

    [Fact]
    public async Task A_service_that_is_not_there_was_certainly_not_reached()
    {
        await _server.StopAsync();

        var failure = await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST"));

        Assert.False(failure.MayHaveArrived);
    }

    // .NET lets a bare SocketException out where the reset comes between connecting and sending; orders were answered
    // with 500 while their Catalog stopped.
    [Fact]
    public async Task A_connection_that_is_reset_at_any_moment_is_a_service_that_is_not_available()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var enough = new CancellationTokenSource();
        var resets = ResetAllAsync(listener, enough.Token);
        await using var caller = await StartCallerAsync(
            $"http://{listener.LocalEndpoint}", ("Http:RetryCount", "0"), ("Http:BreakerFailures", "10000"));

        for (var i = 0; i < 300; i++)
        {
            await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST", body: "{}", caller: caller));
        }

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resets);

        static async Task ResetAllAsync(TcpListener listener, CancellationToken ct)
        {
            while (true)
            {
                using var socket = await listener.AcceptSocketAsync(ct);
                socket.LingerState = new(enable: true, seconds: 0);
            }
        }
    }

    // .NET tells it by a cancellation that nobody asked for.
    [Fact]
    public async Task A_connection_that_is_not_made_in_time_was_certainly_not_used()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(backlog: 1); // Nobody accepts: once it is full, nothing answers who wants to connect.
        var waiting = Enumerable.Range(0, 8).Select(_ => new TcpClient()).ToArray();
        foreach (var client in waiting) _ = client.ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
        await Eventually.HoldsAsync(() => Task.FromResult(waiting.Count(client => client.Connected) >= 2));
        await using var caller = await StartCallerAsync(
            $"http://{listener.LocalEndPoint}", ("Http:RetryCount", "0"));

        var failure = await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST", caller: caller));

        Assert.False(failure.MayHaveArrived);
        foreach (var client in waiting) client.Dispose();
    }

    [Fact]
    public async Task After_a_run_of_failures_no_call_is_made_until_one_that_tries_succeeds()
    {
        _catalog = Answer(StatusCodes.Status503ServiceUnavailable);
        for (var i = 0; i < 5; i++) await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST"));
        Assert.Equal(5, _calls);

        // Open: answered at once, by nobody.
        for (var i = 0; i < 20; i++)
        {
            var refused = await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("GET"));
            Assert.False(refused.MayHaveArrived);
            Assert.InRange(refused.RetryAfter.TotalSeconds, 1, 30);
        }

        Assert.Equal(5, _calls);

        // Half open: one tries, and as it fails nothing is sent again.
        _clock.Advance(TimeSpan.FromSeconds(31));
        await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST"));
        await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST"));
        Assert.Equal(6, _calls);

        _clock.Advance(TimeSpan.FromSeconds(31));
        _catalog = Answer(StatusCodes.Status200OK);
        for (var i = 0; i < 3; i++) (await SendAsync("POST")).Dispose();
        Assert.Equal(9, _calls);
    }

    [Fact]
    public async Task One_service_that_is_down_does_not_close_the_way_to_another()
    {
        await using var sandbox = await TinyService.StartPlainAsync(app => app.Run(context => Answer(200)(context)));
        await using var caller = await StartCallerAsync(
            _server.Urls.Single(), ("services:sandbox:http:0", sandbox.Urls.Single()));
        _catalog = Answer(StatusCodes.Status503ServiceUnavailable);
        for (var i = 0; i < 6; i++)
        {
            await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("POST", caller: caller));
        }

        using var answer = await caller.Get<SandboxClient>().Http.GetAsync(new Uri("/", UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task The_caller_answers_503_at_once_and_says_when_to_come_back()
    {
        _catalog = Answer(StatusCodes.Status503ServiceUnavailable);
        for (var i = 0; i < 5; i++) (await _caller.Client.GetAsync(new Uri("/through", UriKind.Relative))).Dispose();
        var before = _calls;

        var answer = await _caller.Client.GetAsync(new Uri("/through", UriKind.Relative));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.InRange(answer.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0, 1, 30);
        var problem = await answer.Content.ReadAsStringAsync();
        Assert.Contains("\"type\":\"urn:shop:service-unavailable\"", problem, StringComparison.Ordinal);
        Assert.Equal(before, _calls);
    }

    [Fact]
    public async Task The_limits_of_one_service_win_over_those_of_all()
    {
        await using var caller = await StartCallerAsync(_server.Urls.Single(), ("Http:catalog:RetryCount", "1"));
        _catalog = Answer(StatusCodes.Status503ServiceUnavailable);

        await Assert.ThrowsAsync<ServiceUnavailableException>(() => SendAsync("GET", caller: caller));

        Assert.Equal(2, _calls);
    }

    private static Func<HttpContext, Task> Answer(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    // Time limits that no test meets by a pause of the machine; what they do is tested with limits of its own.
    private Task<TinyService> StartCallerAsync(string catalog, params (string, string)[] settings) =>
        TinyService.StartAsync(
            app => app.MapGet("/through", (CatalogClient client, CancellationToken ct) =>
                client.Http.GetStringAsync(new Uri("/", UriKind.Relative), ct)).AllowAnonymous(),
            builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(_clock);
                builder.AddServiceClient<CatalogClient>("catalog");
                builder.AddServiceClient<SandboxClient>("sandbox", options => options.SendServiceToken = false);
            },
            [
                ("services:catalog:http:0", catalog), ("Http:RetryPauseMs", "1"), ("Http:AttemptTimeoutSeconds", "60"),
                ("Http:TotalTimeoutSeconds", "120"), ("Http:BreakerFailures", "5"), ("Http:BreakerSeconds", "30"),
                ("Http:BreakerWindowSeconds", "600"), .. settings,
            ]);

    private async Task<HttpResponseMessage> SendAsync(
        string method, bool marked = false, string? body = null, TinyService? caller = null,
        CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/stocks");
        if (body is not null) request.Content = new StringContent(body);
        if (marked) request.MarkIdempotent();
        return await (caller ?? _caller).Get<CatalogClient>().Http.SendAsync(request, ct);
    }

    private sealed class CatalogClient(HttpClient http)
    {
        public HttpClient Http => http;
    }

    private sealed class SandboxClient(HttpClient http)
    {
        public HttpClient Http => http;
    }
}
