using Shop.Catalog.Stock;

namespace Shop.Tests.Catalog.Stock;

public sealed class HoldTests
{
    private static readonly (string Status, string Command, bool CanRetake, string Next, string Verdict)[] Table =
    [
        ("none", "Release", false, "Released", "Unknown"),
        ("none", "Release", true, "Released", "Unknown"),
        ("none", "Expire", false, "Expired", "Unknown"),
        ("none", "Expire", true, "Expired", "Unknown"),
        ("none", "Commit", false, "stay", "Unknown"),
        ("none", "Commit", true, "stay", "Unknown"),
        ("Held", "Release", false, "Released", "Released"),
        ("Held", "Release", true, "Released", "Released"),
        ("Held", "Expire", false, "Expired", "Expired"),
        ("Held", "Expire", true, "Expired", "Expired"),
        ("Held", "Commit", false, "Committed", "Committed"),
        ("Held", "Commit", true, "Committed", "Committed"),
        ("Committed", "Release", false, "stay", "AlreadyCommitted"),
        ("Committed", "Release", true, "stay", "AlreadyCommitted"),
        ("Committed", "Expire", false, "stay", "AlreadyCommitted"),
        ("Committed", "Expire", true, "stay", "AlreadyCommitted"),
        ("Committed", "Commit", false, "stay", "AlreadyCommitted"),
        ("Committed", "Commit", true, "stay", "AlreadyCommitted"),
        ("Released", "Release", false, "stay", "AlreadyReleased"),
        ("Released", "Release", true, "stay", "AlreadyReleased"),
        ("Released", "Expire", false, "stay", "AlreadyReleased"),
        ("Released", "Expire", true, "stay", "AlreadyReleased"),
        ("Released", "Commit", false, "stay", "OutOfStock"),
        ("Released", "Commit", true, "Committed", "Retaken"),
        ("Expired", "Release", false, "stay", "AlreadyExpired"),
        ("Expired", "Release", true, "stay", "AlreadyExpired"),
        ("Expired", "Expire", false, "stay", "AlreadyExpired"),
        ("Expired", "Expire", true, "stay", "AlreadyExpired"),
        ("Expired", "Commit", false, "stay", "OutOfStock"),
        ("Expired", "Commit", true, "Committed", "Retaken"),
    ];

    [Fact]
    public void Every_command_in_every_status_has_its_verdict()
    {
        HoldStatus?[] all = [null, .. Enum.GetValues<HoldStatus>()];
        var decided =
            from status in all
            from command in Enum.GetValues<HoldCommand>()
            from canRetake in new[] { false, true }
            let decision = Hold.Decide(status, command, canRetake)
            select (
                status?.ToString() ?? "none", command.ToString(), canRetake, decision.Next?.ToString() ?? "stay",
                decision.Verdict.ToString());

        Assert.Equal(Sorted(Table), Sorted(decided));
    }

    [Fact]
    public void A_status_reads_back_from_its_text()
    {
        foreach (var status in Enum.GetValues<HoldStatus>()) Assert.Equal(status, Hold.Parse(status.ToText()));
        Assert.Throws<ArgumentOutOfRangeException>(() => Hold.Parse("LOST"));
    }

    private static List<(string, string, bool, string, string)> Sorted(
        IEnumerable<(string, string, bool, string, string)> rows) => [.. rows.Order()];
}
