using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Feed;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Ordering.Feed;

public sealed class FeedTests(OrderingApp app) : IClassFixture<OrderingApp>, IAsyncLifetime
{
    private readonly TestFolder _folder = TestFolder.Create();

    public async Task InitializeAsync()
    {
        await app.ExecuteAsync("delete from feed_rows");
        await app.ExecuteAsync("update feed_sender set lent_until = '-infinity', failures = 0, last_error = null");
    }

    public Task DisposeAsync()
    {
        _folder.Delete();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Every_event_is_in_one_file_of_the_folder_in_its_order()
    {
        using var services = Services(new() { Folder = _folder.Path, BatchSize = 2, BatchSeconds = 60 });
        Guid[] ids = [.. Enumerable.Range(0, 3).Select(_ => Guid.CreateVersion7())];
        await StoreAsync(new UserCreated(Guid.CreateVersion7(), app.Clock.GetUtcNow()), ids[0]);
        await StoreAsync(new ProductUpdated(Guid.CreateVersion7(), app.Clock.GetUtcNow()), ids[1]);
        var late = new OrderExpired(Guid.CreateVersion7(), Guid.CreateVersion7(), app.Clock.GetUtcNow());
        await StoreAsync(late, ids[2]);
        Assert.Equal(Verdict.AlreadyApplied, await app.DeliverAsync(StoreFeedRows.Subscribe, late, ids[2]));

        Assert.Equal(2, await SendAsync(services));
        Assert.Equal(0, await SendAsync(services)); // The third waits for its batch to fill, not for ever.
        app.Clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(1, await SendAsync(services));
        Assert.Equal(0, await SendAsync(services));

        var files = Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, files.Length);
        Assert.All(files, file => Assert.EndsWith(".ndjson", file, StringComparison.Ordinal));
        Assert.Equal(ids, files.SelectMany(File.ReadAllLines).Select(line => Parse(line).GetProperty("id").GetGuid()));
        var last = Parse(File.ReadAllLines(files[1]).Single());
        Assert.Equal(
            ("order-events", "OrderExpired.v1", late.OrderId, 1, late.UserId),
            (last.GetProperty("stream").GetString(), last.GetProperty("type").GetString(),
                last.GetProperty("key").GetGuid(), last.GetProperty("version").GetInt64(),
                last.GetProperty("data").GetProperty("userId").GetGuid()));
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from feed_rows"));
    }

    [Fact]
    public async Task A_target_that_fails_loses_nothing_and_is_left_alone_for_a_while()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = 500;
        using var services = Services(new() { Url = receiver.Address, BatchSeconds = 0, RetrySeconds = 300 });
        Guid[] ids = [Guid.CreateVersion7(), Guid.CreateVersion7()];
        foreach (var id in ids) await StoreAsync(new ProductUpdated(Guid.CreateVersion7(), app.Clock.GetUtcNow()), id);

        Assert.Equal(0, await SendAsync(services));
        Assert.Equal(0, await SendAsync(services));
        Assert.Single(receiver.Received); // The second time it was left alone.
        Assert.Equal(2, await app.ScalarAsync<long>("select count(*) from feed_rows"));
        Assert.Equal(1, await app.ScalarAsync<int>("select failures from feed_sender"));

        receiver.Answer = 200;
        app.Clock.Advance(TimeSpan.FromSeconds(301));
        Assert.Equal(2, await SendAsync(services));
        Assert.Equal(0, await SendAsync(services));

        Assert.Equal(2, receiver.Received.Count);
        var (failed, taken) = (receiver.Received.First(), receiver.Received.Last());
        Assert.Equal((failed.Batch, failed.Body), (taken.Batch, taken.Body));
        Assert.NotNull(taken.Batch);
        Assert.Equal(
            ids,
            taken.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => Parse(line).GetProperty("id").GetGuid()));
        Assert.Equal(0, await app.ScalarAsync<int>("select failures from feed_sender"));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_keeps_the_rows()
    {
        var file = Path.Combine(_folder.Path, "a file");
        await File.WriteAllTextAsync(file, "");
        using var services = Services(new() { Folder = Path.Combine(file, "no folder"), BatchSeconds = 0 });
        await StoreAsync(new ProductUpdated(Guid.CreateVersion7(), app.Clock.GetUtcNow()), Guid.CreateVersion7());

        Assert.Equal(0, await SendAsync(services));

        Assert.Equal(1, await app.ScalarAsync<long>("select count(*) from feed_rows"));
        Assert.NotNull(await app.ScalarAsync<string?>("select last_error from feed_sender"));
    }

    [Fact]
    public async Task While_one_process_sends_no_other_does()
    {
        await using var receiver = await Receiver.StartAsync();
        using var services = Services(new() { Url = receiver.Address, BatchSeconds = 0 });
        await StoreAsync(new ProductUpdated(Guid.CreateVersion7(), app.Clock.GetUtcNow()), Guid.CreateVersion7());
        await app.ExecuteAsync(
            "update feed_sender set lent_until = @until", new { until = app.Clock.GetUtcNow().AddSeconds(600) });

        Assert.Equal(0, await SendAsync(services));
        app.Clock.Advance(TimeSpan.FromSeconds(601));
        Assert.Equal(1, await SendAsync(services));
    }

    [Fact]
    public void It_is_off_without_a_target_and_two_targets_are_a_mistake()
    {
        Assert.Null(FeedTarget.Of(new()));
        Assert.Throws<InvalidOperationException>(() => FeedTarget.Of(new() { Url = "http://a/", Folder = "/tmp/b" }));
        Assert.Throws<InvalidOperationException>(() => FeedTarget.Of(new() { Url = "not an address" }));
    }

    private static JsonElement Parse(string line) => JsonSerializer.Deserialize<JsonElement>(line);

    private static Task<int> SendAsync(IServiceProvider services) =>
        SendFeed.RunAsync(services, CancellationToken.None);

    private async Task StoreAsync<TEvent>(TEvent @event, Guid eventId)
        where TEvent : IEvent =>
        Assert.Equal(Verdict.Applied, await app.DeliverAsync(StoreFeedRows.Subscribe, @event, eventId));

    private ServiceProvider Services(FeedOptions options) => new ServiceCollection()
        .AddSingleton(app.Db).AddSingleton(options).AddSingleton(FeedTarget.Of(options)!).AddLogging()
        .BuildServiceProvider();
}
