using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Shop.ServiceDefaults.Problems;

/// <summary>
/// The last hand on every problem that the framework writes (validation, 404, 405, 415, 401 ...): our type, our field
/// names, our trace id. Whatever the client accepts, it gets the problem: it is better than an empty body.
/// </summary>
internal sealed class ProblemWriter : IProblemDetailsWriter
{
    internal const string TooLarge = "The body is too large.";
    private const string ContentType = "application/problem+json";

    public bool CanWrite(ProblemDetailsContext context) => true;

    public ValueTask WriteAsync(ProblemDetailsContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var response = context.HttpContext.Response;
        var problem = Ours(context.ProblemDetails, response.StatusCode);
        if (problem.Status is { } status) response.StatusCode = status;
        return new ValueTask(response.WriteAsJsonAsync(
            problem, JsonSerializerOptions.Web, ContentType, context.HttpContext.RequestAborted));
    }

    private static ProblemDetails Ours(ProblemDetails problem, int statusCode)
    {
        if (problem is HttpValidationProblemDetails validation)
        {
            return Problems.InvalidDetails(InCamelCase(validation.Errors));
        }

        problem.Status ??= statusCode;
        if (problem.Type?.StartsWith(Problems.TypePrefix, StringComparison.Ordinal) != true)
        {
            problem.Type = Problems.TypePrefix + SlugOf(problem.Status.Value);
            problem.Title = ReasonPhrases.GetReasonPhrase(problem.Status.Value);
            if (problem.Status == StatusCodes.Status413PayloadTooLarge) problem.Detail ??= TooLarge;
        }

        if (Activity.Current is { } activity)
        {
            problem.Extensions[Problems.TraceIdField] = activity.TraceId.ToHexString();
        }

        return problem;
    }

    internal static string SlugOf(int status) => status switch
    {
        StatusCodes.Status400BadRequest or StatusCodes.Status413PayloadTooLarge => Problems.InvalidRequest,
        StatusCodes.Status500InternalServerError => "internal-error",
        StatusCodes.Status503ServiceUnavailable => "service-unavailable",
        _ => ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase
            ? phrase.ToLowerInvariant().Replace(' ', '-').Replace("'", "", StringComparison.Ordinal)
            : $"status-{status}",
    };

    private static Dictionary<string, string[]> InCamelCase(IDictionary<string, string[]> errors)
    {
        var renamed = new Dictionary<string, string[]>(errors.Count);
        foreach (var (path, messages) in errors) renamed[FieldPath.InCamelCase(path)] = messages;
        return renamed;
    }
}
