using System.Text.Json;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Security;

/// <summary>An endpoint as its service's OpenAPI document has it.</summary>
/// <param name="Name">Service, method and route, such as <c>ordering GET /orders/{id}</c>.</param>
internal sealed record ApiEndpoint(string Name, string Service, string Method, string Route, JsonElement Operation);

/// <summary>
/// The OpenAPI documents of a running shop: what there is to be asked, as the services themselves say.
/// </summary>
internal sealed class ApiDocuments
{
    public static readonly string[] Services = ["identity", "catalog", "ordering", "payments", "workers", "sandbox"];

    private readonly Dictionary<string, JsonElement> _documents = [];

    public IReadOnlyList<ApiEndpoint> Endpoints { get; private set; } = [];

    public static async Task<ApiDocuments> ReadAsync(ShopApp shop)
    {
        var read = new ApiDocuments();
        var endpoints = new List<ApiEndpoint>();
        foreach (var service in Services)
        {
            var text = await shop.Client(service).GetStringAsync("/openapi/v1.json");
            var document = JsonDocument.Parse(text).RootElement;
            read._documents[service] = document;
            foreach (var path in document.GetProperty("paths").EnumerateObject())
            {
                var route = path.Name.Length > 1 ? path.Name.TrimEnd('/') : path.Name;
                endpoints.AddRange(path.Value.EnumerateObject().Select(operation =>
                {
                    var method = operation.Name.ToUpperInvariant();
                    return new ApiEndpoint($"{service} {method} {route}", service, method, route, operation.Value);
                }));
            }
        }

        read.Endpoints = endpoints;
        return read;
    }

    /// <summary>The schema of an endpoint's JSON body, if it takes one.</summary>
    public JsonElement? BodyOf(ApiEndpoint endpoint) =>
        endpoint.Operation.TryGetProperty("requestBody", out var body)
        && body.GetProperty("content").TryGetProperty("application/json", out var json)
        && json.TryGetProperty("schema", out var schema)
            ? Resolve(endpoint.Service, schema)
            : null;

    public static IEnumerable<string> ParametersOf(ApiEndpoint endpoint, string place) =>
        endpoint.Operation.TryGetProperty("parameters", out var parameters)
            ? parameters.EnumerateArray()
                .Where(parameter => parameter.GetProperty("in").GetString() == place)
                .Select(parameter => parameter.GetProperty("name").GetString()!)
            : [];

    /// <summary>The schema itself, behind references and a choice between it and null.</summary>
    public JsonElement Resolve(string service, JsonElement schema)
    {
        while (true)
        {
            if (schema.TryGetProperty("$ref", out var reference))
            {
                schema = _documents[service];
                foreach (var part in reference.GetString()!.Split('/').Skip(1)) schema = schema.GetProperty(part);
            }
            else if (schema.TryGetProperty("oneOf", out var choice) || schema.TryGetProperty("anyOf", out choice))
            {
                schema = choice.EnumerateArray().First(option => !IsNull(option));
            }
            else
            {
                return schema;
            }
        }
    }

    private static bool IsNull(JsonElement schema) =>
        schema.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
        && type.GetString() == "null";
}
