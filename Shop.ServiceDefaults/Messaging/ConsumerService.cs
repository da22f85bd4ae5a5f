using Dapper;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Runs one consumer group: writes down what it subscribes to, then reads each of its streams. Any number of processes
/// may run it.
/// </summary>
internal sealed class ConsumerService<TDb>(
    Subscriptions<TDb> group, Database<TDb> database, RedisStreams streams, IServiceScopeFactory scopes,
    MessagingOptions options, TimeProvider clock, ILogger<ConsumerService<TDb>> log) : BackgroundService
    where TDb : DbContext
{
    private const string SubscribeSql = """
        insert into subscriptions as known (consumer_group, type, stream, since_slot)
        select @group, type, stream, @slot
          from unnest(@types, @streams) as wanted (type, stream)
            on conflict (consumer_group, type) do update
               set stream = excluded.stream,
                   since_slot = case when known.until_slot is null then known.since_slot else excluded.since_slot end,
                   until_slot = null;
        update subscriptions
           set until_slot = @slot
         where consumer_group = @group and type <> all (@types) and until_slot is null;
        insert into group_progress (consumer_group, whole_until)
        values (@group, @slot)
            on conflict do nothing
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await SubscribeAsync(stoppingToken);
        using var handler = new DeliveryHandler<TDb>(group, database, scopes, options, log);
        var runner = new DeliveryRunner<TDb>(group, database, handler, options, clock, log);
        var readers = group.ByType.Values.Select(subscription => subscription.Stream).Distinct()
            .ToDictionary(
                stream => stream,
                stream => new StreamReader<TDb>(
                    stream, group, database, runner, streams, options, clock, log));
        await Task.WhenAll(
            [ListenAsync(readers, stoppingToken), .. readers.Values.Select(reader => reader.RunAsync(stoppingToken))]);
    }

    private async Task SubscribeAsync(CancellationToken ct)
    {
        var outage = new Outage($"Subscribing {group.Name}", options, log);
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.Source.OpenConnectionAsync(ct);
                await connection.ExecuteAsync(new CommandDefinition(
                    SubscribeSql,
                    new
                    {
                        group = group.Name,
                        slot = Slots.Of(clock.GetUtcNow()),
                        types = group.ByType.Values.Select(subscription => subscription.Type).ToArray(),
                        streams = group.ByType.Values.Select(subscription => subscription.Stream).ToArray(),
                    },
                    cancellationToken: ct));
                outage.Succeeded();
                return;
            }
            catch (Exception e) when (Outage.IsOutage(e))
            {
                await Delays.PauseAsync(outage.Failed(e), clock, ct);
            }
        }
    }

    private async Task ListenAsync(Dictionary<string, StreamReader<TDb>> readers, CancellationToken ct)
    {
        var outage = new Outage($"{group.Name} listening for wake-ups", options, log);
        while (!ct.IsCancellationRequested)
        {
            try
            {
                // The client listens again by itself after a lost connection.
                await streams.OnWakeAsync(
                    stream => { if (readers.TryGetValue(stream, out var reader)) reader.Wake(); }, ct);
                outage.Succeeded();
                return;
            }
            catch (Exception e) when (Outage.IsOutage(e))
            {
                await Delays.PauseAsync(outage.Failed(e), clock, ct);
            }
        }
    }
}
