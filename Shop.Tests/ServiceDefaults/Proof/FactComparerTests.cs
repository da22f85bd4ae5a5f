using Shop.ServiceDefaults.Proof;

namespace Shop.Tests.ServiceDefaults.Proof;

public sealed class FactComparerTests
{
    [Theory]
    [InlineData(Match.Same, "a=1 b=2", "a=1 b=2", 2, "")]
    [InlineData(Match.Same, "a=1", "a=2", 1, "a: 1 / 2")]
    [InlineData(Match.Same, "a=1 b=2", "b=2 c=3", 3, "a: 1 / nothing, c: nothing / 3")]
    [InlineData(Match.Same, "", "", 0, "")]
    [InlineData(Match.Same, "a=1", "a=? b=?", 2, "")]
    [InlineData(Match.Same, "a=? b=?", "a=1", 2, "")]
    [InlineData(Match.Same, "a=1 a=1", "a=1", 1, "a: twice on the left side: 1")]
    [InlineData(Match.Same, "a=1", "a=1 a=2", 1, "a: twice on the right side: 2")]
    [InlineData(Match.LeftHasRight, "a=1", "a=1 b=2", 1, "")]
    [InlineData(Match.LeftHasRight, "a=1 b=2", "b=3", 2, "a: 1 / nothing, b: 2 / 3")]
    [InlineData(Match.LeftHasRight, "a=?", "", 1, "")]
    [InlineData(Match.WhereBoth, "a=1 b=2", "b=2 c=3", 2, "")]
    [InlineData(Match.WhereBoth, "a=1 b=2", "b=3", 2, "b: 2 / 3")]
    public async Task What_differs_is_found(Match match, string left, string right, long rows, string expected)
    {
        var finding = await FactComparer.CompareAsync(Side(left), Side(right), match, CancellationToken.None);

        Assert.Equal(expected, string.Join(", ", finding.Suspects.Select(suspect => $"{suspect.Id}: {suspect.Facts}")));
        Assert.Equal((rows, finding.Suspects.Count), (finding.Checked, (int)finding.Offending));
    }

    [Fact]
    public async Task Only_the_first_suspects_are_kept_and_all_are_counted()
    {
        var many = string.Join(' ', Enumerable.Range(0, Finding.MaxSuspects + 5).Select(i => $"{i:d6}=1"));

        var finding = await FactComparer.CompareAsync(Side(many), Side(""), Match.Same, CancellationToken.None);

        Assert.Equal((Finding.MaxSuspects + 5, Finding.MaxSuspects), ((int)finding.Offending, finding.Suspects.Count));
    }

    [Fact]
    public Task A_side_out_of_order_is_refused() => Assert.ThrowsAsync<InvalidOperationException>(
        () => FactComparer.CompareAsync(Side("b=1 a=1"), Side(""), Match.Same, CancellationToken.None));

    private static async IAsyncEnumerable<Fact> Side(string facts)
    {
        foreach (var fact in facts.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            await Task.Yield();
            var parts = fact.Split('=');
            yield return new(parts[0], parts[1] == "?" ? null : parts[1]);
        }
    }
}
