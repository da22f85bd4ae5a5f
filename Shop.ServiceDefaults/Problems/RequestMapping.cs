using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Problems;

/// <summary>A request that cannot be read: the client's fault, and it is told where.</summary>
internal sealed partial class RequestMapping : IExceptionMapping
{
    public MappedProblem? Map(Exception exception)
    {
        if (exception is not BadHttpRequestException bad) return null;
        if (bad.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return new(Problems.Details(bad.StatusCode, Problems.InvalidRequest, ProblemWriter.TooLarge));
        }

        if (bad.StatusCode != StatusCodes.Status400BadRequest)
        {
            return new(Problems.Details(bad.StatusCode, ProblemWriter.SlugOf(bad.StatusCode), null));
        }

        var (field, message) = bad.InnerException is JsonException json
            ? (FieldPath.FromJson(json.Path), Describe(json))
            : !bad.Message.Contains("body", StringComparison.Ordinal)
                && Parameter().Match(bad.Message) is { Success: true } parameter
                ? (parameter.Groups["name"].Value, "The value is missing or cannot be read.")
                : ("body", "The request cannot be read.");
        return new(Problems.InvalidDetails(new Dictionary<string, string[]> { [field] = [message] }));
    }

    // The library's own words name .NET types; these say what is wrong without them.
    private static string Describe(JsonException json)
    {
        if (json.InnerException is FormatException or InvalidOperationException) return "The value has the wrong type.";
        return json.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)
            ? "The value has the wrong type."
            : json.Message.Contains("maximum configured depth", StringComparison.OrdinalIgnoreCase)
                ? "The JSON is nested too deep."
                : json.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase)
                    ? "The field appears twice."
                    : json.Message.Contains("null", StringComparison.OrdinalIgnoreCase)
                        ? "The value must not be null."
                        : "The JSON is malformed.";
    }

    [GeneratedRegex(
        """parameter "(?:.* )?(?<name>\w+)" """, RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex Parameter();
}

/// <summary>Another service does not answer.</summary>
internal sealed class ServiceUnavailableMapping : IExceptionMapping
{
    public MappedProblem? Map(Exception exception) => exception is not ServiceUnavailableException unavailable
        ? null
        : new(
            Problems.Details(
                StatusCodes.Status503ServiceUnavailable,
                "service-unavailable",
                $"The service '{unavailable.Service}' does not answer at the moment."),
            unavailable.RetryAfter);
}
