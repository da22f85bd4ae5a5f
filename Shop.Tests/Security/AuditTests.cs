using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Shop.Tests.Purchase;

namespace Shop.Tests.Security;

[Collection(SecurityShopCollection.Name)]
public sealed class AuditTests(SecurityShop security)
{
    [Fact]
    public async Task What_an_admin_does_is_recorded_and_what_owners_do_is_not()
    {
        var shop = security.Shop;
        var admin = await shop.SampleUserAsync("admin@shop.example");
        var seller = await shop.SampleUserAsync("seller1@shop.example");
        var buyer = await shop.NewBuyerAsync();
        var subjects = await Subjects.MakeAsync(buyer, seller);
        var adminId = (await admin.Identity.AskAsync("/users/me")).Id;

        using var assigned = await admin.Identity.PutAsJsonAsync(
            $"/users/{subjects.User}/roles", new { roles = new[] { "customer", "seller" } });
        assigned.EnsureSuccessStatusCode();
        using var change = new HttpRequestMessage(HttpMethod.Patch, $"/products/{subjects.Product}")
        {
            Content = JsonContent.Create(new { description = "changed" }),
        };
        change.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        using var changed = await admin.Catalog.SendAsync(change);
        changed.EnsureSuccessStatusCode();
        var made = await admin.Catalog.PostAsync(
            "/products", new { name = "A", category = "b", unitPrice = 1, sellerId = Guid.CreateVersion7() });
        await admin.Catalog.PostAsync($"/products/{subjects.Product}/stock", new { quantity = 7 });
        await admin.Ordering.PostAsync($"/orders/{subjects.Unpaid}/cancel", new { reason = "A" });
        await admin.Ordering.PostAsync($"/orders/{subjects.Order}/shipments/{subjects.Shipment}/ship", new { });
        var refunded = await admin.Payments.PostAsync(
            $"/payments/{subjects.Payment}/refunds", new { amount = 1, reason = "A" }, Buying.NewKey());
        Assert.Equal(202, (int)refunded.Status);
        // Its goods are on their way, so it is refused; that an admin tried is recorded all the same.
        var cancelled = await admin.Payments.PostAsync(
            $"/payments/{subjects.Payment}/cancel", new { reason = "A" }, Buying.NewKey());
        Assert.Equal("already-shipped", cancelled.Problem);

        Assert.Equal(
            [$"assign roles: customer, seller/user {subjects.User}"], await ActsAsync("identitydb", subjects.User));
        Assert.Equal(
            [
                $"receive stock: 7/product {subjects.Product}",
                $"change product to version 2/product {subjects.Product}",
            ],
            await ActsAsync("catalogdb", subjects.Product));
        Assert.Equal([$"create product/product {made.Id}"], await ActsAsync("catalogdb", made.Id));
        Assert.Equal([$"cancel order/order {subjects.Unpaid}"], await ActsAsync("orderingdb", subjects.Unpaid));
        Assert.Equal(
            [$"move shipment: SHIPPED/shipment {subjects.Shipment}"], await ActsAsync("orderingdb", subjects.Shipment));
        Assert.Equal(
            [$"cancel payment/payment {subjects.Payment}", $"refund 1/payment {subjects.Payment}"],
            await ActsAsync("paymentsdb", subjects.Payment));

        async Task<string[]> ActsAsync(string database, Guid target)
        {
            var answer = await admin.Workers.AskAsync($"/ops/audit?database={database}");
            Assert.Equal(200, (int)answer.Status);
            var entries = answer.Body.GetProperty("items").EnumerateArray()
                .Where(entry => Text(entry, "target").EndsWith($"{target}", StringComparison.Ordinal))
                .ToList();
            Assert.All(entries, entry => Assert.Equal($"{adminId}", Text(entry, "actor")));
            Assert.All(entries, entry => Assert.Equal(32, Text(entry, "traceId").Length));
            return [.. entries.Select(entry => $"{Text(entry, "act")}/{Text(entry, "target")}")];
        }

        static string Text(JsonElement entry, string field) => entry.GetProperty(field).GetString()!;
    }

    [Theory]
    [InlineData("update audit_log set actor = 'nobody'")]
    [InlineData("delete from audit_log")]
    [InlineData("truncate audit_log")]
    public async Task The_log_only_grows(string sql)
    {
        foreach (var database in StoredText.Databases)
        {
            await using var connection = new NpgsqlConnection(await security.Shop.ConnectionStringAsync(database));
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand(
                $"insert into audit_log (at, actor, act, target) values (now(), 'a', 'b', 'c'); {sql}", connection);

            var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());

            Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
        }
    }
}
