using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Proof;
using Shop.Workers;

namespace Shop.Tests.Proof;

[CollectionDefinition(Name)]
public sealed class ProvedShopCollection : ICollectionFixture<ProvedShop>
{
    public const string Name = "proof";
}

/// <summary>Every rule of the proof turns red when what it promises is broken, and no other does.</summary>
[Collection(ProvedShopCollection.Name)]
public sealed class RuleTests(ProvedShop shop)
{
    public static TheoryData<string> Rules => [.. Breaks.All.Select(broken => broken.Rule)];

    [Fact]
    public async Task Every_rule_has_a_way_to_break_it()
    {
        await using var workers = await WorkersAsync();

        var rules = workers.Services.GetRequiredService<Prover>().Rules.Select(rule => rule.Name);

        Assert.Equal(rules.Order(), Breaks.All.Select(broken => broken.Rule).Order());
    }

    [Fact]
    public async Task Undamaged_everything_holds()
    {
        await using var workers = await WorkersAsync();

        var report = await workers.Services.GetRequiredService<Prover>()
                .RunAsync(parallel: 3, CancellationToken.None);

        Assert.DoesNotContain(report.Rules, rule => !rule.Holds);
        Assert.True(report.Holds);
        Assert.All(report.Rules, rule => Assert.True(rule.Checked > 0, rule.Name));
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task A_broken_rule_is_the_one_that_turns_red_with_the_ids_that_break_it(string rule)
    {
        var broken = Breaks.All.Single(candidate => candidate.Rule == rule);
        var name = $"broken_{Guid.CreateVersion7():n}";
        var copy = await shop.CopyOfRestAsync(broken.Database, name);
        try
        {
            var ids = await DamageAsync(copy, broken.Sql);
            Assert.NotEmpty(ids);
            await using var workers = await WorkersAsync((broken.Database, copy));

            var report = await workers.Services.GetRequiredService<Prover>()
                .RunAsync(parallel: 3, CancellationToken.None);

            Assert.False(report.Holds);
            var red = report.Rules.Where(one => !one.Holds).ToArray();
            Assert.Equal(broken.Also.Append(rule).Order(), red.Select(one => one.Name).Order());
            var offence = red.Single(one => one.Name == rule);
            Assert.Equal(ids.Order(), offence.Offenders.Order());
            Assert.Equal((ids.Count, null), ((int)offence.Offending, offence.Error));
        }
        finally
        {
            await shop.DropAsync(name);
        }
    }

    /// <summary>The workers as they would run against the copies, not started: their rules alone are asked.</summary>
    private async Task<WebApplication> WorkersAsync(params (string Database, string Connection)[] damaged)
    {
        var settings = new Dictionary<string, string?>
        {
            ["ConnectionStrings:cache"] = await shop.ConnectionStringAsync("cache"),
            ["services:sandbox:http:0"] = shop.Sandbox.BaseAddress!.ToString(),
            ["Sandbox:ApiKey"] = ProvedShop.ApiKey,
            ["Sandbox:TimeoutSeconds"] = "60",
            ["Proof:SettledSeconds"] = "0",
            ["Proof:EventAgeSeconds"] = "0",
            ["Proof:GraceSeconds"] = "0.2",
        };
        foreach (var database in ProvedShop.Databases)
        {
            settings[$"ConnectionStrings:{database}"] = await shop.ConnectionToAsync($"rest_{database}");
        }

        foreach (var (database, connection) in damaged) settings[$"ConnectionStrings:{database}"] = connection;
        // A copy has a name of its own, and no migrator has made the role that would go with it.
        settings["Database:RunAsOwner"] = "true";
        return WorkersApp.Build([], builder =>
        {
            builder.Configuration.AddInMemoryCollection(settings);
            builder.Logging.ClearProviders();
        });
    }

    private static async Task<List<string>> DamageAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using (var sleep = new NpgsqlCommand("set session_replication_role = replica", connection))
        {
            await sleep.ExecuteNonQueryAsync();
        }

        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var ids = new List<string>();
        while (await reader.ReadAsync()) ids.Add(reader.GetGuid(0).ToString());
        return [.. ids.Distinct()];
    }
}
