using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;
using Shop.Tests.ServiceDefaults.Http;
using Refusals = Shop.ServiceDefaults.Problems.Problems;

namespace Shop.Tests.ServiceDefaults.Problems;

/// <summary>Every refusal has the same shape, names what is wrong, and tells nothing of our insides.</summary>
public sealed class ProblemTests : IAsyncLifetime
{
    private const string Id = "0197c7a5-5b3c-7000-8000-000000000001";
    private TinyService _service = null!;

    public enum PayBy
    {
        CreditCard,
        Points,
    }

    public async Task InitializeAsync() => _service = await TinyService.StartAsync(
        app =>
        {
            app.MapPost("/orders", (Request request) => request).AllowAnonymous();
            app.MapGet("/orders/{id:guid}", (Guid id, int limit) => $"{id} {limit}").AllowAnonymous();
            app.MapGet("/taken", () => Refusals.Conflict("order-already-paid", "It is paid.")).AllowAnonymous();
            app.MapGet("/unknown", () => Refusals.NotFound()).AllowAnonymous();
            app.MapGet("/bad", () => Refusals.Invalid("lines[0].quantity", "At most 100.")).AllowAnonymous();
            app.MapGet("/declined", () => Refusals.Of(
                402, "payment-declined", null, new Dictionary<string, object?> { ["orderId"] = Id })).AllowAnonymous();
            app.MapGet("/validation", () => new HttpValidationProblem()).AllowAnonymous();
            app.MapGet("/throws/{what}", ProblemHttpResult (string what) => throw Failure(what)).AllowAnonymous();
        },
        builder => builder.Services.AddSingleton<IExceptionMapping, TeapotMapping>());

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Theory]
    [InlineData("/taken", 409, "order-already-paid")]
    [InlineData("/unknown", 404, "not-found")]
    [InlineData("/declined", 402, "payment-declined")]
    [InlineData("/nowhere", 404, "not-found")]
    [InlineData("/orders/abc", 404, "not-found")]
    [InlineData("/orders", 405, "method-not-allowed")]
    [InlineData("/throws/bug", 500, "internal-error")]
    [InlineData("/throws/teapot", 418, "teapot")]
    public async Task A_refusal_is_a_problem_with_our_type_and_the_id_of_the_trace(string path, int status, string slug)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.Add("Accept", "text/html");

        var answer = await _service.Client.SendAsync(request);

        var problem = await ReadAsync(answer);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal($"urn:shop:{slug}", problem.GetProperty("type").GetString());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", problem.GetProperty("traceId").GetString());
        Assert.DoesNotContain("secret", problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Extensions_are_fields_of_the_problem()
    {
        var problem = await ReadAsync(await _service.Client.GetAsync(new Uri("/declined", UriKind.Relative)));

        Assert.Equal(Id, problem.GetProperty("orderId").GetString());
    }

    [Theory]
    [InlineData("busy")]
    [InlineData("lost connection")]
    [InlineData("wrapped")]
    [InlineData("lock timeout")]
    public async Task A_database_that_is_away_or_busy_is_503_with_a_time_to_come_back(string what)
    {
        var answer = await _service.Client.GetAsync(new Uri($"/throws/{what}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
        Assert.Equal("urn:shop:service-unavailable", (await ReadAsync(answer)).GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("a duplicate key")]
    [InlineData("bug")]
    public async Task A_mistake_of_ours_is_500_and_never_an_outage(string what)
    {
        var answer = await _service.Client.GetAsync(new Uri($"/throws/{what}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Null(answer.Headers.RetryAfter);
    }

    [Theory]
    [InlineData("""{"lines":""", "lines")]
    [InlineData("""not json""", "body")]
    [InlineData("", "body")]
    [InlineData("""[]""", "body")]
    [InlineData("""{"lines":null}""", "lines")]
    [InlineData("""{"lines":[],"lines":[]}""", "lines")]
    [InlineData("""{"lines":[{"productId":"x","quantity":1}]}""", "lines[0].productId")]
    [InlineData("""{"lines":[{"quantity":1},{"quantity":"2"}]}""", "lines[1].quantity")]
    [InlineData("""{"lines":[{"quantity":1.5}]}""", "lines[0].quantity")]
    [InlineData("""{"lines":[{"quantity":99999999999}]}""", "lines[0].quantity")]
    [InlineData("""{"payBy":"CASH"}""", "payBy")]
    [InlineData("""{"payBy":1}""", "payBy")]
    [InlineData("""{"at":"yesterday"}""", "at")]
    public async Task A_body_that_cannot_be_read_is_400_and_names_the_field(string body, string field)
    {
        var answer = await PostAsync(body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        await AssertInvalidAsync(answer, field);
    }

    [Fact]
    public async Task A_body_too_deep_is_400_and_one_too_large_is_413()
    {
        var deep = await PostAsync($$"""{"lines":{{new string('[', 100)}}{{new string(']', 100)}}}""");
        Assert.Equal(HttpStatusCode.BadRequest, deep.StatusCode);

        // Its body is not sent before the answer: else that may be lost with the connection that the server resets.
        using var patient = new HttpClient(
            new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromSeconds(60) });
        patient.BaseAddress = _service.Address;
        patient.DefaultRequestHeaders.ExpectContinue = true;
        var large = await PostAsync($$"""{"x":"{{new string('x', 1 << 21)}}"}""", patient);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        Assert.Equal("urn:shop:invalid-request", (await ReadAsync(large)).GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_body_that_is_no_json_is_415()
    {
        using var text = new StringContent("x", Encoding.UTF8, "text/plain");

        var answer = await _service.Client.PostAsync(new Uri("/orders", UriKind.Relative), text);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal("urn:shop:unsupported-media-type", (await ReadAsync(answer)).GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("?limit=many")]
    [InlineData("")]
    public async Task A_parameter_that_is_missing_or_wrong_is_named(string query)
    {
        var answer = await _service.Client.GetAsync(new Uri($"/orders/{Id}{query}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        await AssertInvalidAsync(answer, "limit");
    }

    [Fact]
    public async Task What_validation_found_has_the_same_shape_with_fields_in_camel_case()
    {
        var answer = await _service.Client.GetAsync(new Uri("/validation", UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        await AssertInvalidAsync(answer, "lines[0].unitPrice");
        var ours = await _service.Client.GetAsync(new Uri("/bad", UriKind.Relative));
        await AssertInvalidAsync(ours, "lines[0].quantity");
    }

    [Fact]
    public async Task Bodies_are_camel_case_with_upper_snake_enums_and_utc_times_and_unknown_fields_are_ignored()
    {
        var answer = await PostAsync($$$"""
            {"lines":[{"productId":"{{{Id}}}","quantity":2,"new":1}],"payBy":"CREDIT_CARD",
             "at":"2026-11-20T09:00:00.5+09:00","later":{"a":[1]}}
            """);

        Assert.Equal(
            $$$"""
            {"lines":[{"productId":"{{{Id}}}","quantity":2}],"payBy":"CREDIT_CARD","at":"2026-11-20T00:00:00.5Z"}
            """,
            await answer.Content.ReadAsStringAsync());
    }

    private static Exception Failure(string what) => what switch
    {
        "busy" => new DatabaseBusyException(new InvalidOperationException()),
        "lost connection" => new NpgsqlException("secret", new IOException()),
        "wrapped" => new InvalidOperationException("secret", new NpgsqlException("secret", new TimeoutException())),
        "lock timeout" => new PostgresException("secret", "ERROR", "ERROR", PostgresErrorCodes.LockNotAvailable),
        "a duplicate key" => new PostgresException("secret", "ERROR", "ERROR", PostgresErrorCodes.UniqueViolation),
        "teapot" => new NotSupportedException("teapot"),
        _ => new InvalidDataException("secret"),
    };

    private static async Task AssertInvalidAsync(HttpResponseMessage answer, string field)
    {
        var problem = await ReadAsync(answer);
        Assert.Equal("urn:shop:invalid-request", problem.GetProperty("type").GetString());
        var error = Assert.Single(problem.GetProperty("errors").EnumerateObject());
        Assert.Equal(field, error.Name);
        Assert.NotEqual("", Assert.Single(error.Value.EnumerateArray()).GetString());
    }

    private async Task<HttpResponseMessage> PostAsync(string body, HttpClient? client = null)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await (client ?? _service.Client).PostAsync(new Uri("/orders", UriKind.Relative), content);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer) =>
        JsonElement.Parse(await answer.Content.ReadAsStringAsync());

    public sealed record Line(Guid ProductId, int Quantity);

    public sealed record Request(List<Line> Lines, PayBy? PayBy = null, DateTimeOffset? At = null);

    // As the filter of AddValidation() does it: through the service, with the names of .NET.
    private sealed class HttpValidationProblem : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status400BadRequest;
            var errors = new Dictionary<string, string[]> { ["Lines[0].UnitPrice"] = ["Too little."] };
            await httpContext.RequestServices.GetRequiredService<IProblemDetailsService>().WriteAsync(
                new() { HttpContext = httpContext, ProblemDetails = new HttpValidationProblemDetails(errors) });
        }
    }

    private sealed class TeapotMapping : IExceptionMapping
    {
        public MappedProblem? Map(Exception exception) => exception is NotSupportedException
            ? new(Refusals.Of(418, exception.Message).ProblemDetails)
            : null;
    }
}
