using Shop.ServiceDefaults.Proof;

namespace Shop.Tests.ServiceDefaults.Proof;

public sealed class ProverTests
{
    private const double Patience = 60;
    private static readonly Suspect One = new("1", "is wrong");

    [Fact]
    public async Task A_rule_of_one_database_offends_at_once()
    {
        var rule = new Scripted(settles: false, [One]);

        var report = await ProveAsync(rule);

        var found = rule.Report(report);
        Assert.Equal((false, false, 7, 1), (report.Holds, found.Holds, found.Checked, rule.Looks));
        Assert.Equal(["1"], found.Offenders);
        Assert.Equal(["is wrong"], found.Facts);
    }

    [Fact]
    public async Task What_arrives_within_the_grace_time_holds()
    {
        var rule = new Scripted(settles: true, [One], [One], []);

        Assert.True((await ProveAsync(Patience, rule)).Holds);
        Assert.Equal(3, rule.Looks);
    }

    [Fact]
    public async Task What_offends_with_other_facts_has_moved()
    {
        var rule = new Scripted(settles: true, [One], [One with { Facts = "is wrong otherwise" }]);

        Assert.True((await ProveAsync(Patience, rule)).Holds);
    }

    [Fact]
    public async Task What_stays_offends_after_the_grace_time()
    {
        var rule = new Scripted(settles: true, [One, new("2", "comes late")], [One]);

        var report = await ProveAsync(rule);

        Assert.False(report.Holds);
        Assert.Equal(["1"], rule.Report(report).Offenders);
        Assert.Equal(1, rule.Report(report).Offending);
    }

    [Fact]
    public async Task More_suspects_than_are_kept_are_no_delay()
    {
        var many = Enumerable.Range(0, Finding.MaxSuspects).Select(i => new Suspect($"{i}", "is wrong")).ToArray();
        var rule = new Scripted(settles: true, many, []) { Offending = Finding.MaxSuspects + 1 };

        var report = await ProveAsync(rule);

        Assert.Equal((false, 20, 1), (report.Holds, rule.Report(report).Offenders.Count, rule.Looks));
    }

    [Fact]
    public async Task A_rule_that_cannot_be_asked_does_not_hold_and_the_others_are_still_looked_at()
    {
        var (silent, good) = (new Scripted(settles: true, [null]), new Scripted(settles: true, [[]]) { Name = "good" });

        var report = await ProveAsync(silent, good);

        Assert.Equal((false, false, true),
            (report.Holds, silent.Report(report).Holds, good.Report(report).Holds));
        Assert.Equal("The side does not answer.", silent.Report(report).Error);
    }

    [Fact]
    public async Task A_side_that_answers_again_within_the_grace_time_is_believed()
    {
        var atFirst = new Scripted(settles: true, null, [One], []);
        var later = new Scripted(settles: true, [One], null, []);
        var damaged = new Scripted(settles: false, null, [One]);

        foreach (var rule in (Scripted[])[atFirst, later])
        {
            var report = await ProveAsync(60, rule);
            Assert.Equal((true, null, 7), (report.Holds, rule.Report(report).Error, rule.Report(report).Checked));
        }

        Assert.Equal(["1"], damaged.Report(await ProveAsync(60, damaged)).Offenders);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Nothing_to_check_is_green_except_where_a_test_wants_it_red(bool emptyIsRed, bool holds)
    {
        var rule = new Scripted(settles: false, [[]]) { Checked = 0 };
        using var prover = new Prover([rule], new() { EmptyIsRed = emptyIsRed }, TimeProvider.System);

        Assert.Equal(holds, (await prover.RunAsync(parallel: 3, CancellationToken.None)).Holds);
    }

    private static Task<ProofReport> ProveAsync(params IProofRule[] rules) => ProveAsync(0.7, rules);

    private static async Task<ProofReport> ProveAsync(double graceSeconds, params IProofRule[] rules)
    {
        using var prover = new Prover(rules, new() { GraceSeconds = graceSeconds }, TimeProvider.System);
        return await prover.RunAsync(parallel: 3, CancellationToken.None);
    }

    /// <summary>Finds one list of suspects after the other, the last one again and again; null: no answer.</summary>
    private sealed class Scripted(bool settles, params Suspect[]?[] looks) : IProofRule
    {
        public string Name { get; init; } = "scripted";

        public string Promise => "";

        public bool Settles => settles;

        public long Checked { get; init; } = 7;

        public long? Offending { get; init; }

        public int Looks { get; private set; }

        public ProofReport.Rule Report(ProofReport report) => report.Rules.Single(rule => rule.Name == Name);

        public Task<Finding> FindAsync(CancellationToken ct)
        {
            var suspects = Look();
            return Task.FromResult(new Finding(Checked, Offending ?? suspects.Length, suspects));
        }

        public Task<IReadOnlyList<Suspect>> ReadAgainAsync(IReadOnlyCollection<string> ids, CancellationToken ct) =>
            Task.FromResult<IReadOnlyList<Suspect>>(Look());

        private Suspect[] Look() =>
            looks[Math.Min(Looks++, looks.Length - 1)] ?? throw new TimeoutException("The side does not answer.");
    }
}
