using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// The JSON of every HTTP body: camelCase, enums as UPPER_SNAKE, RFC 3339 times in UTC, numbers never as strings,
/// no property twice; unknown fields are ignored.
/// </summary>
public static class ShopJson
{
    private const int MaxDepth = 32;

    /// <summary>For clients: <c>ReadFromJsonAsync(ShopJson.Options)</c>.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions();

    /// <summary>Makes <paramref name="options"/> write and read the JSON of the shop.</summary>
    public static void Apply(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.PropertyNameCaseInsensitive = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.MaxDepth = MaxDepth;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper, allowIntegerValues: false));
        options.Converters.Add(new UtcTimeConverter());
    }

    private static JsonSerializerOptions CreateOptions()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Apply(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>Times leave as <c>...Z</c> and arrive as UTC, which is also all that timestamptz accepts.</summary>
    private sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
    {
        private const string Format = "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'";
        private const int MaxLength = 32;

        public override DateTimeOffset Read(
            ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDateTimeOffset().ToUniversalTime();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
        {
            Span<char> text = stackalloc char[MaxLength];
            value.UtcDateTime.TryFormat(text, out var length, Format, CultureInfo.InvariantCulture);
            writer.WriteStringValue(text[..length]);
        }
    }
}
