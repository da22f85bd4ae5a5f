using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Messaging;

/// <summary>A poisonous event of each type that the shop knows.</summary>
public sealed class PoisonTests(KernelDatabase databases) : KernelTests(databases)
{
    private static readonly Type[] Types =
        [.. typeof(IEvent).Assembly.GetTypes().Where(type => type.GetCustomAttribute<EventAttribute>() is not null)];

    private volatile bool _broken = true;

    [Fact]
    public async Task One_of_each_type_is_parked_while_other_keys_pass_and_a_replay_after_the_mend_works_once()
    {
        await using var process = await KernelProcess.StartAsync(Databases, Prefix, builder =>
        {
            builder.AddOutboxRelay<KernelDb>();
            builder.AddSubscriptions<KernelDb>(Group, on =>
            {
                foreach (var type in Types) Call(nameof(Subscribe), type, on);
            });
        });
        var operations = process.Services.GetRequiredService<MessagingOperations>();
        var poisoned = Types.ToDictionary(type => type, _ => Guid.CreateVersion7());
        foreach (var (type, key) in poisoned) await PublishAsync(process, type, key);
        var healthy = Types.ToDictionary(type => type, _ => HealthyKey());
        foreach (var (type, key) in healthy) await PublishAsync(process, type, key);

        foreach (var (type, key) in poisoned)
        {
            await EventuallyAsync(async () => (await ParkedAsync(key)).Count == 1, $"{type.Name} parked");
        }

        foreach (var (type, key) in healthy)
        {
            await EventuallyAsync(async () => (await EffectsAsync(key)).Count == 1, $"{type.Name} of another key");
        }

        _broken = false;
        var replayed = await operations.ReplayAllAsync(dryRun: false, ParkingTests.Admin, CancellationToken.None);
        Assert.Equal(Types.Length, replayed.Count(item => item.Outcome == "Applied"));
        Assert.Empty(await operations.ReplayAllAsync(dryRun: false, ParkingTests.Admin, CancellationToken.None));
        foreach (var key in poisoned.Values)
        {
            Assert.Single(await EffectsAsync(key));
            Assert.Empty(await ParkedAsync(key));
        }
    }

    // A key says of itself whether its events are poison: version 7 is, version 4 is not.
    private static Guid HealthyKey() =>
        Guid.Parse($"{Guid.CreateVersion7().ToString()[..14]}4{Guid.CreateVersion7().ToString()[15..]}");

    private void Subscribe<TEvent>(Subscriptions<KernelDb> on)
        where TEvent : IEvent =>
        on.On<TEvent>((e, context) => _broken && e.Key.Version == 7
            ? throw new InvalidOperationException("broken")
            : RecordAsync(context));

    private Task PublishAsync(KernelProcess process, Type type, Guid key) =>
        (Task)Call(nameof(PublishOneAsync), type, process, key)!;

    private static Task PublishOneAsync<TEvent>(KernelProcess process, Guid key)
        where TEvent : IEvent =>
        process.PublishAsync(JsonSerializer.Deserialize(Payload(typeof(TEvent), key), EventType<TEvent>.Json)!);

    private object? Call(string method, Type type, params object[] arguments) => typeof(PoisonTests)
        .GetMethod(method, BindingFlags.Instance | BindingFlags.Static | BindingFlags.NonPublic)!
        .MakeGenericMethod(type)
        .Invoke(this, arguments);

    /// <summary>All that the event's record takes; whatever of it is its key has the wanted one.</summary>
    private static JsonObject Payload(Type type, Guid key)
    {
        var payload = new JsonObject();
        foreach (var parameter in type.GetConstructors().MaxBy(c => c.GetParameters().Length)!.GetParameters())
        {
            var wanted = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
            JsonNode value = wanted switch
            {
                _ when wanted == typeof(Guid) => key,
                _ when wanted == typeof(string) => "x",
                _ when wanted == typeof(bool) => true,
                _ when wanted == typeof(DateTimeOffset) => TimeProvider.System.GetUtcNow(),
                { IsArray: true } => new JsonArray(),
                _ => 1,
            };
            payload[JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!)] = value;
        }

        return payload;
    }
}
