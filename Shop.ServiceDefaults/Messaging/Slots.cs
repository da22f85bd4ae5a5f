namespace Shop.ServiceDefaults.Messaging;

/// <summary>A slot is the minute that an event happened in. Outbox and inbox are compared by it.</summary>
internal static class Slots
{
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    public static DateTimeOffset Of(DateTimeOffset instant) => Floor(instant, Length);

    public static DateTimeOffset Floor(DateTimeOffset instant, TimeSpan length)
    {
        var utc = instant.ToUniversalTime();
        return utc.AddTicks(-(utc.Ticks % length.Ticks));
    }
}
