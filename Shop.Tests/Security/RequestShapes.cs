using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop.Tests.Security;

/// <summary>
/// Bodies built from a schema: for each field one body that is good but for a placeholder in that field, so that a
/// value put there is met by the code behind the other checks.
/// </summary>
internal sealed class RequestShapes(ApiDocuments documents, Func<string, string?> goodValueOf)
{
    public const string Placeholder = "@@here@@";
    private const int MaxDepth = 6;

    /// <summary>The fields of a body, such as <c>lines[].productId</c>, each with its body.</summary>
    public IEnumerable<(string Field, string Body)> Of(ApiEndpoint endpoint)
    {
        if (documents.BodyOf(endpoint) is not { } schema) yield break;
        var fields = new List<string[]>();
        Collect(endpoint.Service, schema, [], fields);
        foreach (var path in fields)
        {
            yield return (
                string.Join('.', path).Replace(".[]", "[]", StringComparison.Ordinal),
                Build(endpoint.Service, schema, path, 0)!.ToJsonString());
        }
    }

    private void Collect(string service, JsonElement schema, string[] path, List<string[]> fields)
    {
        schema = documents.Resolve(service, schema);
        if (path.Length > 0) fields.Add(path);
        if (path.Length >= MaxDepth) return;
        if (schema.TryGetProperty("properties", out var properties))
        {
            foreach (var property in properties.EnumerateObject())
            {
                Collect(service, property.Value, [.. path, property.Name], fields);
            }
        }
        else if (schema.TryGetProperty("items", out var items))
        {
            Collect(service, items, [.. path, "[]"], fields);
        }
    }

    /// <summary>A good value of the schema, with the placeholder at the path; null: better left out.</summary>
    private JsonNode? Build(string service, JsonElement schema, ReadOnlySpan<string> path, int depth)
    {
        schema = documents.Resolve(service, schema);
        var isTarget = depth >= 0 && path.Length == 0;
        if (isTarget) return Placeholder;
        if (schema.TryGetProperty("properties", out var properties))
        {
            var built = new JsonObject();
            foreach (var property in properties.EnumerateObject())
            {
                var on = path.Length > 0 && path[0] == property.Name;
                if (on) built[property.Name] = Build(service, property.Value, path[1..], depth + 1);
                else if (goodValueOf(property.Name) is { } good) built[property.Name] = JsonNode.Parse(good);
            }

            return built;
        }

        return schema.TryGetProperty("items", out var items) && path[0] == "[]"
            ? new JsonArray(Build(service, items, path[1..], depth + 1))
            : Placeholder;
    }
}
