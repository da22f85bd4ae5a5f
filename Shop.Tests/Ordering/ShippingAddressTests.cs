using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Shop.Ordering;
using Shop.Ordering.Orders;

namespace Shop.Tests.Ordering;

/// <summary>
/// An address is sealed for ever in its order's row, and its key is sealed anew when the secret is replaced.
/// </summary>
public sealed class ShippingAddressTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private const string Street = "Heuhaufenweg 7";

    [Fact]
    public async Task A_new_secret_changes_the_key_and_not_the_order()
    {
        var order = await PlaceAsync();
        var before = await RowAsync(order);
        using var during = Addresses("the-next-key-encryption-key", OrderingApp.KeyEncryptionKey);

        Assert.Contains(Street, during.Open(order, before), StringComparison.Ordinal);
        Assert.True(await during.ResealAsync(CancellationToken.None) > 0);
        Assert.Equal(0, await during.ResealAsync(CancellationToken.None));

        var after = await RowAsync(order);
        Assert.Equal(before.Json, after.Json);
        Assert.NotEqual(before.Key, after.Key);
        using var alone = Addresses("the-next-key-encryption-key");
        Assert.Contains(Street, alone.Open(order, after), StringComparison.Ordinal);

        using var back = Addresses(OrderingApp.KeyEncryptionKey, "the-next-key-encryption-key");
        await back.ResealAsync(CancellationToken.None);
    }

    [Fact]
    public async Task The_database_refuses_an_address_that_is_not_sealed()
    {
        var order = await PlaceAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync("""
            insert into orders (id, status, shipping_address, created_at, updated_at)
            values (gen_random_uuid(), 'ABANDONED', '{"street":"Heuhaufenweg 7"}', now(), now())
            """));

        Assert.Equal("orders_address_is_sealed", refused.ConstraintName);
        Assert.NotEqual(Guid.Empty, order);
    }

    [Fact]
    public async Task The_same_address_under_the_same_key_is_the_same_request_and_another_one_is_not()
    {
        var (user, key) = (Guid.CreateVersion7(), "a-key-of-an-address");
        var product = app.Shop.Stock(10);
        using var client = app.Buyer(user);

        var first = await client.SendAsync(OrderingApp.Post("/orders", Body(product, Street), key));
        var again = await client.SendAsync(OrderingApp.Post("/orders", Body(product, Street), key));
        var other = await client.SendAsync(OrderingApp.Post("/orders", Body(product, "elsewhere"), key));

        Assert.Equal((201, 201, 422), ((int)first.StatusCode, (int)again.StatusCode, (int)other.StatusCode));
        Assert.Equal("true", Assert.Single(again.Headers.GetValues("Idempotency-Replayed")));
    }

    private ShippingAddresses Addresses(string secret, params string[] former) => new(
        app.Db, new OrderingOptions { KeyEncryptionKey = secret, FormerKeyEncryptionKeys = former },
        TimeProvider.System, NullLogger<ShippingAddresses>.Instance);

    private async Task<Guid> PlaceAsync()
    {
        using var client = app.Buyer(Guid.CreateVersion7());
        var answer = await client.SendAsync(OrderingApp.Post("/orders", Body(app.Shop.Stock(10), Street)));
        Assert.Equal(201, (int)answer.StatusCode);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetGuid();
    }

    private static object Body(FakeShop.Product product, string street) => new
    {
        lines = new[] { new { productId = product.Id, quantity = 1 } }, shippingAddress = new { street },
    };

    private async Task<SealedAddress> RowAsync(Guid order) => Assert.Single(await app.QueryAsync<SealedAddress>("""
        select o.shipping_address::text as json, k.sealed as key
          from orders o join address_keys k on k.order_id = o.id
         where o.id = @order
        """, new { order }));
}
