using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering;

/// <summary>The JSON of the hot calls, generated at build time.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(PlaceOrder.Request))]
[JsonSerializable(typeof(OrderView))]
[JsonSerializable(typeof(CatalogClient.ReserveMany))]
[JsonSerializable(typeof(CatalogClient.ReserveManyAnswer))]
internal sealed partial class OrderingJson : JsonSerializerContext
{
    /// <summary>The shop's JSON, from generated code where there is some.</summary>
    public static JsonSerializerOptions Http { get; } = CreateOptions();

    private static JsonSerializerOptions CreateOptions()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        ShopJson.Apply(options);
        options.TypeInfoResolver = JsonTypeInfoResolver.Combine(Default, new DefaultJsonTypeInfoResolver());
        options.MakeReadOnly();
        return options;
    }
}
