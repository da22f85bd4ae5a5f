using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Shop.Tests.Architecture;
using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;

namespace Shop.Tests.Proof;

/// <summary>The proof of a shop that runs, over HTTP.</summary>
[Collection(ProvedShopCollection.Name)]
public sealed class LiveProofTests(ProvedShop shop)
{
    private const int Buyers = 3;

    private const string OnHandRule = "on-hand-is-the-sum-of-all-movements";
    private const string HoldRule = "the-hold-of-an-unpaid-order-that-ended-is-given-back";

    // Of one that no test buys: the last in the list of the newest.
    private const string MoveOnHandSql = """
        update stock set on_hand = on_hand + $1
         where product_id = (select min(product_id::text)::uuid from stock where on_hand > 0)
        returning product_id
        """;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("SHOP_LONG_TESTS") == "1";

    [Fact]
    public async Task Every_rule_holds_and_has_found_something_to_check()
    {
        var proof = await shop.Admin.ProveAsync();

        Assert.Empty(proof.Broken());
        Assert.True(proof.GetProperty("holds").GetBoolean());
        foreach (var rule in proof.GetProperty("rules").EnumerateArray())
        {
            Assert.True(rule.GetProperty("checked").GetInt64() > 0, rule.ToString());
            Assert.Equal(0, rule.GetProperty("offenders").GetArrayLength());
        }

        Assert.Equal(Breaks.All.Length, proof.GetProperty("rules").GetArrayLength());
    }

    [Fact]
    public async Task Only_an_admin_or_operations_may_ask()
    {
        var buyer = await shop.NewBuyerAsync();

        Assert.Equal(HttpStatusCode.Forbidden, (await buyer.Workers.AskAsync("/proof")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await shop.Workers.AskAsync("/proof")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await buyer.Workers.AskAsync("/ops/recovery")).Status);
    }

    [Fact]
    public async Task It_holds_while_the_shop_is_busy()
    {
        var product = await (await shop.SellerAsync()).NewProductAsync(units: 100_000);
        var buyers = await shop.NewBuyersAsync(Buyers);
        using var busy = new CancellationTokenSource(TimeSpan.FromSeconds(IsLong ? 60 : 6));
        var buying = buyers.Select(buyer => BuyAsync(buyer, product, busy.Token)).ToArray();

        do
        {
            Assert.Empty((await shop.Admin.ProveAsync()).Broken());
        }
        while (!busy.IsCancellationRequested);

        await Task.WhenAll(buying);
    }

    [Fact]
    public async Task Damage_is_red_within_the_grace_time_and_on_health_and_green_after_the_repair()
    {
        var product = await shop.ScalarAsync<Guid>("catalogdb", MoveOnHandSql, 1L);
        try
        {
            var proof = await shop.Admin.ProveAsync();
            Assert.InRange(proof.GetProperty("seconds").GetDouble(), 0, 60);
            Assert.False(proof.GetProperty("holds").GetBoolean());
            Assert.Equal([$"{OnHandRule}: [\"{product}\"]"], proof.Broken());
            await HealthBecomesAsync(HttpStatusCode.ServiceUnavailable);

            // The process itself is well: only what it has found is not.
            Assert.Equal(HttpStatusCode.OK, (await shop.Workers.AskAsync("/health")).Status);
        }
        finally
        {
            await shop.ScalarAsync<Guid>("catalogdb", MoveOnHandSql, -1L);
        }

        Assert.Empty((await shop.Admin.ProveAsync()).Broken());
        await HealthBecomesAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_difference_between_databases_that_stays_is_red_and_one_that_moves_is_not()
    {
        // An expired order that Catalog has never heard of: nothing will bring its hold.
        const string orderSql = """
            with ended as (
                insert into orders (id, user_id, status, subtotal_minor, discount_minor, total_minor, currency,
                                    content_hash, expires_at, created_at, updated_at)
                values ($1, $1, 'EXPIRED', 1, 0, 1, 'KRW', sha256('x'), now(), now(), now())
                returning id, version),
            line as (
                insert into order_lines (order_id, product_id, line_no, seller_id, category, name, unit_price_minor,
                                         quantity, discount_minor, amount_minor)
                select id, id, 1, id, 'tests', 'a test', 1, 1, 0, 1 from ended)
            insert into order_transitions (order_id, version, status, cause, at)
            select id, version, 'EXPIRED', 'a test', now() from ended
            returning order_id
            """;
        const string hashSql = """
            alter table orders disable trigger orders_keep_what_was_agreed;
            update orders set content_hash = order_content_hash(id) where id = '{0}';
            alter table orders enable trigger orders_keep_what_was_agreed
            """;
        var order = Guid.CreateVersion7();
        await shop.ScalarAsync<Guid>("orderingdb", orderSql, order);
        await ProvedShop.ExecuteAsync(
            await shop.ConnectionToAsync("orderingdb"), hashSql.Replace("{0}", order.ToString()));
        Assert.Equal([$"{HoldRule}: [\"{order}\"]"], (await shop.Admin.ProveAsync()).Broken());

        // The tombstone arrives while the proof waits: it was only late.
        var proving = shop.Admin.ProveAsync();
        await shop.ScalarAsync<Guid>("catalogdb", """
            insert into reservations (order_id, status, created_at, ended_at) values ($1, 'EXPIRED', now(), now())
            returning order_id
            """, order);
        Assert.Empty((await proving).Broken());
    }

    [Fact]
    public async Task What_the_sweeps_have_recovered_is_counted_by_kind()
    {
        var answer = await shop.Admin.Workers.AskAsync("/ops/recovery");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var kinds = answer.Body.GetProperty("items").EnumerateArray()
            .ToDictionary(item => item.GetProperty("kind").GetString()!);
        Assert.Equal(
            ["cancel-requests", "orders-in-payment", "overdue-holds", "payments", "refund-attempts", "refunds"],
            kinds.Keys.Order(StringComparer.Ordinal));
        Assert.All(kinds.Values, kind =>
        {
            var recovered = kind.GetProperty("recovered").GetInt64();
            Assert.InRange(recovered, 1, kind.GetProperty("found").GetInt64());
            Assert.InRange(kind.GetProperty("failed").GetInt64(), 0, kind.GetProperty("found").GetInt64() - recovered);
            Assert.True(kind.GetProperty("lastAt").GetDateTimeOffset() > DateTimeOffset.UnixEpoch);
            Assert.Equal(JsonValueKind.Number, kind.GetProperty("waiting").ValueKind);
        });
    }

    [Fact]
    public async Task Shop_prove_prints_each_rule_and_its_exit_code_tells_whether_all_hold()
    {
        if (OperatingSystem.IsWindows()) return; // No sh there.

        var start = new ProcessStartInfo("sh", [Path.Combine(Repository.Root, "shop"), "prove"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["SHOP_CONTROL"] = shop.ControlSocket },
        };
        using var prove = Process.Start(start)!;
        var output = await prove.StandardOutput.ReadToEndAsync() + await prove.StandardError.ReadToEndAsync();
        await prove.WaitForExitAsync();

        Assert.True(prove.ExitCode == 0, output);
        Assert.EndsWith($"All {Breaks.All.Length} rules hold.\n", output, StringComparison.Ordinal);
        Assert.All(Breaks.All, broken => Assert.Matches($@"holds +\d+  {broken.Rule}\n", output));
    }

    private static async Task BuyAsync(ShopUser buyer, Guid product, CancellationToken busy)
    {
        var bought = 0;
        do
        {
            var card = bought++ % 3 == 2 ? "tok_declined" : "tok_ok";
            var answer = await buyer.PlaceAsync(product, 1, card);
            Assert.True(
                answer.Status is HttpStatusCode.Created or HttpStatusCode.Accepted or HttpStatusCode.PaymentRequired,
                answer.ToString());
        }
        while (!busy.IsCancellationRequested);
    }

    private Task HealthBecomesAsync(HttpStatusCode status) => Eventually.GetAsync(
        () => shop.Workers.AskAsync("/health/proof"), answer => answer.Status == status,
        TimeSpan.FromMinutes(5), $"/health/proof is {status}");
}
