using System.Text.Json.Serialization;
using Shop.Catalog.Stock;

namespace Shop.Catalog;

/// <summary>The JSON of the hot internal calls, generated at build time.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ReserveStock.Request))]
[JsonSerializable(typeof(ReserveStock.Response))]
[JsonSerializable(typeof(ReserveStock.ManyRequest))]
[JsonSerializable(typeof(ReserveStock.ManyResponse))]
internal sealed partial class CatalogJson : JsonSerializerContext;
