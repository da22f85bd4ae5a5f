using Dapper;
using Shop.Payments.Proof;
using Shop.ServiceDefaults.Proof;

namespace Shop.Tests.Payments;

/// <summary>The rules of the proof over paymentsdb, for tests of Payments alone.</summary>
internal static class MoneyRules
{
    // The tests' clock is ahead of the database's, and nothing is on its way when they look.
    private static readonly object Times = new { SettledSeconds = -1e8, StuckSeconds = 1e8, MaxRefundTries = 1_000 };

    public static readonly SqlRule[] All = [.. LedgerRules.All, .. SettlementRules.All];

    public static Task HoldAsync(PaymentsApp app) => HoldAsync(app, All, isEmptyRed: false);

    /// <summary>Every rule holds, and if it is wanted each has looked at something.</summary>
    public static async Task HoldAsync(PaymentsApp app, IEnumerable<SqlRule> rules, bool isEmptyRed)
    {
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        foreach (var rule in rules)
        {
            var rows = (await connection.QueryAsync<(string Id, string Facts, bool Offends)>(
                $"select id::text, facts, offends from ({rule.Sql}) as checked", Times)).AsList();
            Assert.True(
                rows.TrueForAll(row => !row.Offends),
                $"{rule.Name}: {string.Join("; ", rows.Where(row => row.Offends).Select(row => (row.Id, row.Facts)))}");
            Assert.True(rows.Count > 0 || !isEmptyRed, $"{rule.Name} looked at nothing.");
        }
    }
}
