namespace Shop.ServiceDefaults.Proof;

/// <summary>Walks through two sides in the order of their keys, holding one fact of each.</summary>
internal static class FactComparer
{
    private const string Nothing = "nothing";

    public static async Task<Finding> CompareAsync(
        IAsyncEnumerable<Fact> left, IAsyncEnumerable<Fact> right, Match match, CancellationToken ct)
    {
        await using var lefts = new Side(left.GetAsyncEnumerator(ct), "left");
        await using var rights = new Side(right.GetAsyncEnumerator(ct), "right");
        var tally = new Tally();
        await lefts.MoveAsync(tally);
        await rights.MoveAsync(tally);
        while (lefts.Fact is not null || rights.Fact is not null)
        {
            var order = Order(lefts.Fact, rights.Fact);
            var (l, r) = (order <= 0 ? lefts.Fact : null, order >= 0 ? rights.Fact : null);
            if (l is not null || match == Match.Same) tally.Checked++;
            if (Differs(l, r, match)) tally.Add((l ?? r)!.Value.Key, $"{Text(l)} / {Text(r)}");
            if (order <= 0) await lefts.MoveAsync(tally);
            if (order >= 0) await rights.MoveAsync(tally);
        }

        return new(tally.Checked, tally.Offending, tally.Suspects);
    }

    private static bool Differs(Fact? left, Fact? right, Match match)
    {
        if (left is { Facts: null } || right is { Facts: null }) return false;
        return match switch
        {
            Match.Same => left?.Facts != right?.Facts,
            Match.LeftHasRight => left is not null && left.Value.Facts != right?.Facts,
            Match.WhereBoth => left is not null && right is not null && left.Value.Facts != right.Value.Facts,
            _ => throw new ArgumentOutOfRangeException(nameof(match), match, null),
        };
    }

    private static int Order(Fact? left, Fact? right) => (left, right) switch
    {
        (null, _) => 1,
        (_, null) => -1,
        var (l, r) => string.CompareOrdinal(l.Value.Key, r.Value.Key),
    };

    private static string Text(Fact? fact) => fact is null ? Nothing : fact.Value.Facts ?? "undecided";

    private sealed class Tally
    {
        public long Checked { get; set; }

        public long Offending { get; private set; }

        public List<Suspect> Suspects { get; } = [];

        public void Add(string key, string facts)
        {
            Offending++;
            if (Suspects.Count < Finding.MaxSuspects) Suspects.Add(new(key, facts));
        }
    }

    /// <summary>The next fact of a side. A key that comes twice is an offence of its own.</summary>
    private sealed class Side(IAsyncEnumerator<Fact> facts, string name) : IAsyncDisposable
    {
        public Fact? Fact { get; private set; }

        public async Task MoveAsync(Tally tally)
        {
            var last = Fact?.Key;
            while (await facts.MoveNextAsync())
            {
                var order = last is null ? 1 : string.CompareOrdinal(facts.Current.Key, last);
                if (order < 0) throw new InvalidOperationException($"The {name} side is not in the order of its keys.");
                if (order > 0)
                {
                    Fact = facts.Current;
                    return;
                }

                tally.Add(facts.Current.Key, $"twice on the {name} side: {facts.Current.Facts}");
            }

            Fact = null;
        }

        public ValueTask DisposeAsync() => facts.DisposeAsync();
    }
}
