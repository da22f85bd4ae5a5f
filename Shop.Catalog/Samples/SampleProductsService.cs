using System.Text.Json;
using Shop.Catalog.Products;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Http;

namespace Shop.Catalog.Samples;

/// <summary>
/// Puts the products of <c>samples.json</c> into the catalog, in Development. Their ids are fixed, so each is inserted
/// once, however often and by however many replicas it is tried.
/// </summary>
internal sealed partial class SampleProductsService(Database<CatalogDb> db, ILogger<SampleProductsService> log)
    : IHostedService
{
    private const string SellersSql = """
        insert into sellers (id, name)
        select * from unnest(@Ids, @Names) as seller (id, name) order by id
            on conflict do nothing
        """;

    // Sorted by id: replicas that start together wait for each other in one order.
    private const string ProductsSql = """
        insert into products (id, seller_id, category, name, description, unit_price, currency, status, created_at)
        select id, seller_id, category, name, description, unit_price, 'KRW', status, created_at
          from unnest(@Ids, @SellerIds, @Categories, @Names, @Descriptions, @Prices, @Statuses, @Times)
               as p (id, seller_id, category, name, description, unit_price, status, created_at)
         order by id
            on conflict do nothing
        returning id
        """;

    private const string StockSql = """
        with received as (
            insert into stock_movements (product_id, kind, quantity, reason, occurred_at)
            select id, 'RECEIVED', quantity, 'sample', @Now from unnest(@Ids, @Quantities) as r (id, quantity))
        insert into stock (product_id, on_hand)
        select id, quantity from unnest(@Ids, @Quantities) as r (id, quantity)
        """;

    internal sealed record Seller(Guid Id, string Name);

    internal sealed record Sample(
        Guid Id, Guid SellerId, string Category, string Name, string Description, long UnitPrice, ProductStatus Status,
        int Stock, DateTimeOffset CreatedAt);

    internal sealed record Data(IReadOnlyList<Seller> Sellers, IReadOnlyList<Sample> Products);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var data = Read();
        var inserted = await db.TransactAsync(tx => InsertAsync(tx, data), cancellationToken);
        if (inserted > 0) Inserted(log, inserted);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    internal static Data Read()
    {
        using var stream = typeof(SampleProductsService).Assembly
            .GetManifestResourceStream("Shop.Catalog.Samples.samples.json")!;
        return JsonSerializer.Deserialize<Data>(stream, ShopJson.Options)!;
    }

    private static async Task<int> InsertAsync(Transaction<CatalogDb> tx, Data data)
    {
        await tx.ExecuteAsync(SellersSql, new
        {
            Ids = data.Sellers.Select(s => s.Id).ToArray(),
            Names = data.Sellers.Select(s => s.Name).ToArray(),
        });
        var products = data.Products;
        var ids = await tx.QueryAsync<Guid>(ProductsSql, new
        {
            Ids = products.Select(p => p.Id).ToArray(),
            SellerIds = products.Select(p => p.SellerId).ToArray(),
            Categories = products.Select(p => p.Category).ToArray(),
            Names = products.Select(p => p.Name).ToArray(),
            Descriptions = products.Select(p => p.Description).ToArray(),
            Prices = products.Select(p => p.UnitPrice).ToArray(),
            Statuses = products.Select(p => p.Status.ToText()).ToArray(),
            Times = products.Select(p => p.CreatedAt).ToArray(),
        });
        if (ids.Count == 0)
        {
            tx.Refuse();
            return 0;
        }

        var fresh = products.Where(p => ids.Contains(p.Id)).ToArray();
        await tx.ExecuteAsync(StockSql, new
        {
            Ids = fresh.Select(p => p.Id).ToArray(),
            Quantities = fresh.Select(p => (long)p.Stock).ToArray(),
            tx.Now,
        });
        foreach (var product in fresh)
        {
            tx.Publish(new ProductCreated(product.Id, product.SellerId, product.CreatedAt), version: 1);
        }

        return fresh.Length;
    }

    [LoggerMessage(LogLevel.Information, "Inserted {Count} sample products")]
    private static partial void Inserted(ILogger log, int count);
}
