using System.Text.Json;

namespace Shop.ServiceDefaults.Problems;

/// <summary>The name of a field as the client wrote it: <c>lines[0].quantity</c>.</summary>
internal static class FieldPath
{
    private const string Root = "$";

    /// <summary>From a property path of .NET: <c>Lines[0].Quantity</c>.</summary>
    public static string InCamelCase(string path) =>
        string.Join('.', path.Split('.').Select(JsonNamingPolicy.CamelCase.ConvertName));

    /// <summary>From the path of a JsonException: <c>$.lines[0].quantity</c>; the body itself is <c>body</c>.</summary>
    public static string FromJson(string? path)
    {
        if (string.IsNullOrEmpty(path) || path == Root) return "body";
        return path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path.TrimStart('$');
    }
}
