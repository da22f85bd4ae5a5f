using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Shop.ServiceDefaults.Problems;

/// <summary>Refusals as RFC 9457 problems: <c>type = urn:shop:{slug}</c>, with the id of the trace.</summary>
public static class Problems
{
    internal const string TypePrefix = "urn:shop:";
    internal const string InvalidRequest = "invalid-request";
    internal const string TraceIdField = "traceId";
    internal const string ErrorsField = "errors";

    /// <summary>409: the state of things refuses it.</summary>
    public static ProblemHttpResult Conflict(string slug, string? detail = null) =>
        Of(StatusCodes.Status409Conflict, slug, detail);

    /// <summary>404, for what is not there and for what belongs to somebody else alike.</summary>
    public static ProblemHttpResult NotFound(string? detail = null) =>
        Of(StatusCodes.Status404NotFound, "not-found", detail);

    /// <summary>400 <c>invalid-request</c> with <c>errors: {field: [messages]}</c>, fields in camelCase.</summary>
    public static ProblemHttpResult Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        TypedResults.Problem(InvalidDetails(errors));

    /// <summary>400 <c>urn:shop:invalid-request</c> about one field.</summary>
    public static ProblemHttpResult Invalid(string field, params string[] messages) =>
        Invalid(new Dictionary<string, string[]> { [field] = messages });

    /// <summary>Any other problem; <paramref name="extensions"/> become fields of it.</summary>
    public static ProblemHttpResult Of(
        int status, string slug, string? detail = null, IReadOnlyDictionary<string, object?>? extensions = null) =>
        TypedResults.Problem(Details(status, slug, detail, extensions));

    internal static ProblemDetails InvalidDetails(IReadOnlyDictionary<string, string[]> errors) =>
        Details(
            StatusCodes.Status400BadRequest,
            InvalidRequest,
            "The request is not valid; see errors.",
            new Dictionary<string, object?> { [ErrorsField] = errors });

    internal static ProblemDetails Details(
        int status, string slug, string? detail, IReadOnlyDictionary<string, object?>? extensions = null)
    {
        var problem = new ProblemDetails
        {
            Type = TypePrefix + slug,
            Title = ReasonPhrases.GetReasonPhrase(status),
            Status = status,
            Detail = detail,
        };
        foreach (var (name, value) in extensions ?? new Dictionary<string, object?>()) problem.Extensions[name] = value;
        if (Activity.Current is { } activity) problem.Extensions[TraceIdField] = activity.TraceId.ToHexString();
        return problem;
    }
}
