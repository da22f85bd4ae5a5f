using Microsoft.Extensions.Configuration;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>Configuration section <c>Messaging</c>. Tests shorten the times.</summary>
public sealed class MessagingOptions
{
    public const string Section = "Messaging";

    /// <summary>Put before every stream's name, so that several shops can share one Redis.</summary>
    public string StreamPrefix { get; set; } = "";

    /// <summary>Events the relay reads and sends at once.</summary>
    public int RelayBatch { get; set; } = 500;

    /// <summary>
    /// How long the relay waits for a notification before it looks by itself: after a lost one, or for a stream that
    /// is full, it takes that long.
    /// </summary>
    public int RelayPollMilliseconds { get; set; } = 500;

    /// <summary>
    /// How long the relay rests after it has sent something, so that rounds under load carry more: a millisecond for
    /// each event of the round, at least this long.
    /// </summary>
    public int RelayPauseMilliseconds { get; set; } = 25;

    /// <summary>The longest rest of the relay.</summary>
    public int MaxRelayPauseMilliseconds { get; set; } = 100;

    /// <summary>
    /// A stream of this many entries, each of up to <see cref="Wire.MaxEvents"/> events, gets no more; the outbox keeps
    /// them.
    /// </summary>
    public long MaxStreamLength { get; set; } = 1_000_000;

    /// <summary>So does one that takes this much of Redis's memory.</summary>
    public long MaxStreamBytes { get; set; } = 512L << 20;

    /// <summary>How often a lease is renewed.</summary>
    public int LeaseRenewMilliseconds { get; set; } = 1_000;

    /// <summary>A lease not renewed for this long may be taken by another process.</summary>
    public int LeaseTakeoverMilliseconds { get; set; } = 3_000;

    /// <summary>
    /// How long a reader waits for a wake-up before it asks its stream again: only a lost one waits that long.
    /// </summary>
    public int ReaderPollMilliseconds { get; set; } = 500;

    /// <summary>Entries read from a stream at once.</summary>
    public int ReadBatch { get; set; } = 16;

    /// <summary>Events of one stream in memory. A reader that has that many stops reading.</summary>
    public int MaxInFlight { get; set; } = 4_096;

    /// <summary>Handlers of one stream that run at the same time, each on another key.</summary>
    public int HandlerConcurrency { get; set; } = 16;

    /// <summary>After-commit work of one stream that runs at the same time, apart from the handlers.</summary>
    public int AfterCommitConcurrency { get; set; } = 256;

    /// <summary>Failures after which an event is parked.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>The first pause before an event is tried again; it doubles from there.</summary>
    public int RetryPauseMilliseconds { get; set; } = 100;

    public int MaxRetryPauseMilliseconds { get; set; } = 5_000;

    /// <summary>How long a handler may say NotYet before the event is parked.</summary>
    public int NotYetLimitSeconds { get; set; } = 900;

    /// <summary>The pause between two replays of what was parked for having come too early.</summary>
    public double ReplayTooEarlySeconds { get; set; } = 60;

    /// <summary>Events older than this that a group has not handled are looked for.</summary>
    public double ReconcileAgeSeconds { get; set; } = 30;

    /// <summary>The pause between two runs of the reconciler.</summary>
    public double ReconcileIntervalSeconds { get; set; } = 15;

    /// <summary>
    /// A slot that ended this long ago gets no more events: longer than any transaction may last. Must be above the
    /// statement timeout.
    /// </summary>
    public double SlotClosedAfterSeconds { get; set; } = 120;

    /// <summary>How long a whole outbox partition is kept after its end, for reading back.</summary>
    public double KeepHours { get; set; } = 24;

    /// <summary>The longest back-off while Redis or PostgreSQL is away.</summary>
    public int MaxBackOffMilliseconds { get; set; } = 2_000;

    /// <summary>How long one command to Redis may take before it counts as failed.</summary>
    public int RedisTimeoutMilliseconds { get; set; } = 5_000;

    internal TimeSpan LeaseRenew => TimeSpan.FromMilliseconds(LeaseRenewMilliseconds);

    internal TimeSpan LeaseTakeover => TimeSpan.FromMilliseconds(LeaseTakeoverMilliseconds);

    internal TimeSpan RelayPause(long sent) => TimeSpan.FromMilliseconds(
        Math.Max(RelayPauseMilliseconds, Math.Min(sent, MaxRelayPauseMilliseconds)));

    public static MessagingOptions From(IConfiguration configuration) =>
        configuration.GetSection(Section).Get<MessagingOptions>() ?? new();
}
