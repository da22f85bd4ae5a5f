using System.Net.Http.Json;
using System.Text.Json;
using Shop.Tests.ServiceDefaults.Messaging;
using static Shop.Tests.Ordering.OrderingApp;

namespace Shop.Tests.Ordering;

/// <summary>The answer to a COMMIT is lost: nobody knows if it was kept, and everybody gets the true answer.</summary>
public sealed class LostCommitTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    [Fact]
    public async Task Every_order_of_a_batch_whose_COMMIT_was_cut_off_is_there_once_and_answered_so()
    {
        await using var proxy = new CommitLosingProxy(app.Database);
        var replica = await app.AddReplicaAsync(proxy.ConnectionString);
        var (user, product) = (Guid.CreateVersion7(), app.Shop.Stock(100));
        using var client = app.Buyer(user, replica);
        Assert.Equal(201, (int)(await client.SendAsync(Post("/orders", Lines(product)))).StatusCode);
        proxy.LoseNextCommit();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => client.SendAsync(Post("/orders", Lines(product)))));

        Assert.All(answers, answer => Assert.Equal(201, (int)answer.StatusCode));
        Assert.Equal(1, proxy.Lost);
        var ids = await Task.WhenAll(answers.Select(async answer =>
            (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid()));
        Assert.Equal(50, ids.Distinct().Count());
        Assert.Equal(
            51, await app.ScalarAsync<long>("select count(*) from orders where user_id = @user", new { user }));
        Assert.Equal(49, app.Shop.Left(product));
        Assert.All(ids, id => Assert.True(app.Shop.Holds(id)));
        foreach (var id in ids) Assert.Equal(["OrderCreated.v1"], await app.EventsAsync(id));
    }
}
