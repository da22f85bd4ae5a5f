using System.Net;
using Aspire.Hosting.ApplicationModel;
using Npgsql;
using Shop.Tests.Fixtures;
using Shop.Tests.Ordering.Coupons;
using Shop.Tests.Purchase;
using Shop.Tests.Stock;

namespace Shop.Tests.Proof;

/// <summary>
/// A shop in which something of everything has happened, with copies of its databases from a moment of rest. The proof
/// in it has no patience with what is old: no time to settle, and a short grace.
/// </summary>
public sealed class ProvedShop() : ShopApp(new ShopAppOptions
{
    Workers = 2,
    Arguments = [$"--Parameters:sandbox-api-key={ApiKey}"],
    Settings = new Dictionary<string, string>
    {
        ["Proof:SettledSeconds"] = "0",
        ["Proof:EventAgeSeconds"] = "0",
        ["Proof:GraceSeconds"] = "20",
        ["Proof:IntervalSeconds"] = "1",
        ["Proof:PausePerRunSecond"] = "1",
        ["Identity:PasswordIterations"] = "1000",
        ["Orders:RecoverySweepSeconds"] = "0.5",
        ["Orders:ExpirySweepSeconds"] = "0.2",
        ["Stock:SweepSeconds"] = "0.5",
        ["Stock:SweepGraceSeconds"] = "0",
        ["Payments:RefundPauseSeconds"] = "0.5",
        ["Payments:AskPauseSeconds"] = "0.5",
        ["Payments:SettlementCloseSeconds"] = "0.5",
        ["Sandbox:TimeoutSeconds"] = "3",
        ["Sandbox:Attempts"] = "1",
        ["Webhooks:Attempts"] = "1",
    },
}), IAsyncLifetime
{
    public const string ApiKey = "a-key-that-the-proof-tests-know";

    public static readonly string[] Databases = ["identitydb", "catalogdb", "orderingdb", "paymentsdb"];

    // A process of Ordering died before its order was stored: Catalog's sweep finds the hold and asks.
    internal const string OrphanHoldSql = """
        insert into reservations (order_id, user_id, status, expires_at, ask_again_at, created_at)
        values ($1, gen_random_uuid(), 'HELD', now(), now(), now())
        returning order_id
        """;

    // A process of Payments died after Ordering's yes.
    internal const string LostPaymentSql = """
        with pending as (
            update orders
               set status = 'PAYMENT_PENDING', payment_id = gen_random_uuid(), recover_at = now(),
                   version = version + 1, cancel_requested = $2
             where id = $1
            returning id, payment_id, version),
        attempt as (
            insert into payment_attempts (order_id, payment_id, status, started_at)
            select id, payment_id, 'REQUESTED', now() from pending)
        insert into order_transitions (order_id, version, status, cause, at)
        select id, version, 'PAYMENT_PENDING', 'a test', now() from pending
        returning order_id
        """;

    // A process of Payments died before it stored the refund that Ordering had agreed to.
    private const string LostRefundSql = """
        with attempt as (
            insert into refund_attempts (refund_id, order_id, payment_id, restock, status, recover_at, started_at)
            select gen_random_uuid(), id, payment_id, true, 'REQUESTED', now(), now() from orders where id = $1
            returning refund_id, order_id)
        insert into refund_attempt_lines (refund_id, product_id, quantity)
        select attempt.refund_id, l.product_id, l.quantity
          from attempt join order_lines l on l.order_id = attempt.order_id
        returning refund_id
        """;

    // As if midnight had come, and after it the time that it really is: the reconciler goes on from there.
    private const string EndTheDaySql = """
        update group_progress set whole_until = whole_until + make_interval(days => $1)
         where consumer_group = 'payments-settlement'
        returning true
        """;

    public ShopUser Admin { get; private set; } = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        try
        {
            Admin = await SampleUserAsync("admin@shop.example");
            await LiveAsync();
            await RefundAsync();
            await EndTheDayAsync();
            await Eventually.GetAsync(
                () => Admin.ProveAsync(), proof => proof.GetProperty("holds").GetBoolean(),
                TimeSpan.FromSeconds(60), "the proof");
            await CopyAllAsync();
        }
        catch
        {
            await base.DisposeAsync(); // xunit disposes no fixture that failed to start.
            throw;
        }
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        foreach (var database in Databases) await DropAsync($"rest_{database}");
        await DisposeAsync();
    }

    /// <summary>A database with what the shop's had at rest, for one test to damage; dropped by the caller.</summary>
    public async Task<string> CopyOfRestAsync(string database, string name)
    {
        await CopyAsync($"rest_{database}", name);
        return await ConnectionToAsync(name);
    }

    public async Task DropAsync(string name)
    {
        NpgsqlConnection.ClearAllPools();
        await OnServerAsync($"drop database if exists {name} with (force)");
    }

    public async Task<string> ConnectionToAsync(string name) =>
        new NpgsqlConnectionStringBuilder(await ConnectionStringAsync("orderingdb")) { Database = name }
            .ConnectionString;

    public static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task LiveAsync()
    {
        var buyer = await this.NewBuyerAsync();
        var product = await this.PlentifulProductAsync();
        // Nobody takes what is sent there: each delivery ends with a record.
        var webhook = await Admin.Ordering.PostAsync(
            "/webhooks", new { url = new Uri(Sandbox.BaseAddress!, "/nobody") });
        Assert.Equal(HttpStatusCode.Created, webhook.Status);
        var expiring = await buyer.PlaceAsync(product);
        var cancelled = await buyer.PlaceAsync(product);
        var (lost, unwanted) = (await buyer.PlaceAsync(product), await buyer.PlaceAsync(product));
        var refunded = await buyer.PlaceAsync(product, 2, "tok_refund_flaky_2");
        Assert.Equal("PAID", refunded.Text("status"));

        await buyer.PlaceAsync(product, 3, "tok_ok");
        await buyer.PlaceAsync(product, 1, "tok_timeout_captured");
        await buyer.PlaceAsync(product, 1, "tok_timeout_lost"); // The sweep asks, sends again, and voids in the end.
        await buyer.PlaceAsync(product, 1, "tok_declined");
        await buyer.Ordering.PostAsync($"/orders/{cancelled.Id}/cancel", new { reason = "test" });
        await buyer.Ordering.PostAsync($"/orders/{refunded.Id}/cancel", new { reason = "test" });
        await this.EndTimeOfAsync(expiring.Id);
        await ScalarAsync<Guid>("orderingdb", LostPaymentSql, lost.Id, false);
        await ScalarAsync<Guid>("orderingdb", LostPaymentSql, unwanted.Id, true);
        var orphan = await ScalarAsync<Guid>("catalogdb", OrphanHoldSql, Guid.CreateVersion7());

        await buyer.OrderBecomesAsync(expiring.Id, "EXPIRED");
        await buyer.OrderBecomesAsync(refunded.Id, "REFUNDED");
        await buyer.OrderBecomesAsync(lost.Id, "CREATED");
        await buyer.OrderBecomesAsync(unwanted.Id, "CANCELLED");
        await this.HoldBecomesAsync(orphan, "EXPIRED");
    }

    /// <summary>Points, two products bought together with a coupon, and three ways to give money back.</summary>
    private async Task RefundAsync()
    {
        var buyer = await this.NewBuyerAsync();
        var seller = await this.SellerAsync();
        var (one, other) = (await seller.NewProductAsync(units: 100), await seller.NewProductAsync(units: 100));
        for (var topUps = 0; topUps < 2; topUps++)
        {
            var charge = await buyer.Payments.PostAsync(
                "/points/charge", new { amount = 2_000, cardToken = "tok_ok" }, Buying.NewKey());
            await buyer.PaymentBecomesAsync(charge.Body.GetProperty("paymentId").GetGuid(), "COMPLETED");
        }

        await PaidAsync(new { method = "POINTS" });
        var split = await PaidAsync(new { method = "SPLIT", cardToken = "tok_ok", points = 1_000 });
        var lost = await PaidAsync(new { method = "CARD", cardToken = "tok_ok" });
        var coupon = await Admin.Ordering.PostAsync(
            "/coupons",
            new { code = CouponDesk.NewCode(), discount = CouponDesk.Amount(300), totalQuantity = 10 });
        await buyer.Ordering.PostAsync($"/coupons/{coupon.Id}/claim", new { });
        await PaidAsync(new { method = "CARD", cardToken = "tok_ok" }, coupon.Id);

        await GiveBackAsync(new
        {
            lines = new[] { new { productId = one, quantity = 1 } }, restock = true, reason = "a test",
        });
        await GiveBackAsync(new { amount = 500, reason = "a test" });
        var attempt = await ScalarAsync<Guid>("orderingdb", LostRefundSql, lost.Id);
        await Eventually.GetAsync(
            () => ScalarAsync<string>(
                "orderingdb", "select status from refund_attempts where refund_id = $1", attempt),
            status => status == "FAILED", TimeSpan.FromSeconds(60), "the lost refund is given up");

        async Task<Buying.Answer> PaidAsync(object payment, Guid? couponId = null)
        {
            var lines = new[] { one, other }.Select(product => new { productId = product, quantity = 1 });
            var order = await buyer.Ordering.PostAsync("/orders", new { lines, couponId, payment }, Buying.NewKey());
            await buyer.OrderBecomesAsync(order.Id, "PAID");
            return order;
        }

        async Task GiveBackAsync(object body)
        {
            var payment = split.Body.GetProperty("payments")[0].GetProperty("id").GetGuid();
            var refund = await buyer.Payments.PostAsync($"/payments/{payment}/refunds", body, Buying.NewKey());
            var path = $"/refunds/{refund.Body.GetProperty("refundId").GetGuid()}";
            await Eventually.GetAsync(
                () => buyer.Payments.AskAsync(path), answer => answer.Text("status") == "COMPLETED",
                TimeSpan.FromSeconds(60), path);
        }
    }

    /// <summary>Everything that was paid is counted and settled, and the first day is closed.</summary>
    private async Task EndTheDayAsync()
    {
        var paid = await ScalarAsync<long>("orderingdb", """
            select count(*) from orders where status in ('PAID', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED')
            """);
        await CountBecomesAsync(
            "catalogdb", "select count(*) from popularity_orders where counted_at is not null", paid);
        await CountBecomesAsync(
            "paymentsdb", "select count(distinct payment_id) from settlement_lines where kind = 'CAPTURE'", paid);
        await ScalarAsync<bool>("paymentsdb", EndTheDaySql, 2);
        await CountBecomesAsync("paymentsdb", "select count(*) from settlement_days where status = 'CLOSED'", 1);
        await ScalarAsync<bool>("paymentsdb", EndTheDaySql, -2);
    }

    private Task<long> CountBecomesAsync(string database, string sql, long count) => Eventually.GetAsync(
        () => ScalarAsync<long>(database, sql), found => found >= count, TimeSpan.FromSeconds(60), sql);

    /// <summary>A database is copied while nobody has it open, so the services rest meanwhile.</summary>
    private async Task CopyAllAsync()
    {
        string[] services = ["identity", "catalog", "ordering", "payments", "workers"];
        foreach (var service in services) await CommandAsync(service, KnownResourceCommands.StopCommand);
        foreach (var database in Databases) await CopyAsync(database, $"rest_{database}");
        foreach (var service in services) await CommandAsync(service, KnownResourceCommands.StartCommand);
        foreach (var service in services) await WaitUntilHealthyAsync(service);
    }

    // Who had it open last may still be leaving it.
    private Task CopyAsync(string template, string name) => Eventually.HoldsAsync(
        () => TryOnServerAsync($"create database {name} template {template}"),
        TimeSpan.FromSeconds(120), $"a copy of {template}");

    private async Task<bool> TryOnServerAsync(string sql)
    {
        try
        {
            // The health check of a database opens it now and then, and keeps its connection.
            NpgsqlConnection.ClearAllPools();
            await OnServerAsync(sql);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            return false;
        }
    }

    private async Task OnServerAsync(string sql) => await ExecuteAsync(await ConnectionToAsync("postgres"), sql);
}
