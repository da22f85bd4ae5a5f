namespace Shop.Identity.Keys;

/// <summary>
/// When keys are made, sign and go. Each is published ahead of its first signature and stays published until the last
/// token that it signed has expired everywhere.
/// </summary>
internal static class KeyPlan
{
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>When a key that is to be made now shall begin to sign, or null: there is no need of one.</summary>
    /// <param name="newest">When the newest key signs first, if there is any key.</param>
    public static DateTimeOffset? NextActivation(DateTimeOffset now, DateTimeOffset? newest, IdentityOptions options)
    {
        if (newest is not { } last) return now;
        var ahead = TimeSpan.FromSeconds(options.KeyPublishAheadSeconds);
        var due = last.AddSeconds(options.KeyRotationSeconds);
        if (due - ahead > now) return null;
        return due > now + ahead ? due : now + ahead;
    }

    /// <summary>The key that signs now: the latest that has begun.</summary>
    public static SigningKey Signing(DateTimeOffset now, IReadOnlyList<SigningKey> keys) =>
        keys.Where(key => key.ActivatesAt <= now).MaxBy(key => key.ActivatesAt)
        // Only the clocks of two replicas can disagree about the very first key, so it is used at once.
        ?? keys.MinBy(key => key.ActivatesAt)
        ?? throw new InvalidOperationException("There is no signing key yet.");

    /// <summary>A key whose successor began before this instant has no living token.</summary>
    public static DateTimeOffset SupersededBefore(DateTimeOffset now, IdentityOptions options) =>
        now.AddSeconds(-options.AccessTokenSeconds) - ClockSkew;
}
