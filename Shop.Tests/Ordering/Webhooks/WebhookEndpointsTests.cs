using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Webhooks;

namespace Shop.Tests.Ordering.Webhooks;

public sealed class WebhookEndpointsTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task The_secret_is_shown_once_and_what_was_registered_can_be_listed_and_removed()
    {
        using var admin = app.Admin();
        using var created = await admin.PostAsJsonAsync(
            "/webhooks", new { url = "https://example.com/hook", events = new[] { "OrderPaid", "OrderCreated.v1" } });
        Assert.Equal(201, (int)created.StatusCode);
        var webhook = await created.Content.ReadFromJsonAsync<JsonElement>();
        var (id, secret) = (webhook.GetProperty("id").GetGuid(), webhook.GetProperty("secret").GetString()!);
        Assert.Equal($"/webhooks/{id}", created.Headers.Location?.ToString());
        Assert.True(secret.Length > 40, secret);

        var list = await admin.GetStringAsync("/webhooks");

        Assert.DoesNotContain(secret, list, StringComparison.Ordinal);
        using var parsed = JsonDocument.Parse(list);
        var item = parsed.RootElement.GetProperty("items").EnumerateArray()
            .Single(one => one.GetProperty("id").GetGuid() == id);
        Assert.Equal("https://example.com/hook", item.GetProperty("url").GetString());
        Assert.Equal(
            ["OrderPaid", "OrderCreated.v1"],
            item.GetProperty("events").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(204, (int)(await admin.DeleteAsync($"/webhooks/{id}")).StatusCode);
        Assert.Equal(404, (int)(await admin.DeleteAsync($"/webhooks/{id}")).StatusCode);
        Assert.Equal(404, (int)(await admin.GetAsync($"/webhooks/{id}/deliveries")).StatusCode);
    }

    [Theory]
    [InlineData("""{}""", "url", "http or https")]
    [InlineData("""{"url":"/only/a/path"}""", "url", "http or https")]
    [InlineData("""{"url":"ftp://example.com/"}""", "url", "http or https")]
    [InlineData("""{"url":"https://me:secret@example.com/"}""", "url", "without user name")]
    [InlineData("""{"url":"https://example.com/","events":[]}""", "events", "OrderPaid")]
    [InlineData("""{"url":"https://example.com/","events":["OrderPaid","OrderEaten"]}""", "events[1]", "OrderPaid")]
    [InlineData("""{"url":"https://example.com/","events":[null]}""", "events[0]", "PaymentCompleted")]
    public async Task Bad_input_is_refused_by_field_with_what_is_allowed(string body, string field, string allowed)
    {
        using var admin = app.Admin();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");

        using var answer = await admin.PostAsync("/webhooks", content);

        Assert.Equal(400, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Contains(
            allowed, problem.GetProperty("errors").GetProperty(field)[0].GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:8080/")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://[::1]/")]
    [InlineData("http://[::ffff:10.0.0.1]/")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("http://192.168.1.1/")]
    public async Task An_address_inside_is_refused_where_that_is_not_allowed(string url)
    {
        var options = new WebhookOptions { AllowPrivateAddresses = false };

        var answer = await RegisterWebhook.Handle(
            new(url), new(), app.Db, options, CancellationToken.None);

        Assert.Equal(400, Assert.IsType<ProblemHttpResult>(answer.Result).StatusCode);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("172.15.0.1", true)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    public void Only_addresses_of_the_internet_are_public(string address, bool isPublic) =>
        Assert.Equal(isPublic, PublicAddresses.Includes(System.Net.IPAddress.Parse(address)));

    [Fact]
    public async Task A_buyer_may_do_nothing_of_it()
    {
        using var buyer = app.Buyer(Guid.CreateVersion7());

        Assert.Equal(403, (int)(await buyer.GetAsync("/webhooks")).StatusCode);
        Assert.Equal(403, (int)(await buyer.PostAsJsonAsync("/webhooks", new { url = "https://a.b/" })).StatusCode);
        Assert.Equal(403, (int)(await buyer.DeleteAsync($"/webhooks/{Guid.CreateVersion7()}")).StatusCode);
        Assert.Equal(403, (int)(await buyer.GetAsync($"/webhooks/{Guid.CreateVersion7()}/deliveries")).StatusCode);
    }
}
