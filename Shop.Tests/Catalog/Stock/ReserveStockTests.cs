using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Shop.Catalog.Stock;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;

namespace Shop.Tests.Catalog.Stock;

public sealed class ReserveStockTests(CatalogFixture shop) : IClassFixture<CatalogFixture>
{
    private static readonly Guid User = Guid.CreateVersion7();

    [Fact]
    public async Task One_unit_and_200_at_once_is_one_hold()
    {
        var product = await shop.ProductAsync(units: 1);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(i => ReserveAsync(Wants((product, 1)), i % 2)));

        Assert.Single(answers, answer => answer.Success);
        Assert.All(answers.Where(a => !a.Success), refused => Assert.Equal(
            ReserveStock.Response.Refused(ReserveStock.OutOfStock, product, 0), refused));
        Assert.Equal((1, 1), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Of_500_units_and_1500_tries_by_64_buyers_exactly_500_are_held()
    {
        var product = await shop.ProductAsync(units: 500);
        var held = 0;
        var next = 0;

        await Task.WhenAll(Enumerable.Range(0, 64).Select(async buyer =>
        {
            while (Interlocked.Increment(ref next) <= 1_500)
            {
                if ((await ReserveAsync(Wants((product, 1)), buyer % 2)).Success) Interlocked.Increment(ref held);
            }
        }));

        Assert.Equal(500, held);
        Assert.Equal((500, 500), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Orders_over_A_B_and_B_A_never_deadlock()
    {
        var a = await shop.ProductAsync(units: 1_000_000);
        var b = await shop.ProductAsync(units: 1_000_000);
        var before = await DeadlocksAsync();

        await Task.WhenAll(Enumerable.Range(0, 64).Select(async buyer =>
        {
            for (var i = 0; i < 5; i++)
            {
                var wanted = buyer % 2 == 0 ? Wants((a, 1), (b, 2)) : Wants((b, 2), (a, 1));
                Assert.True((await ReserveAsync(wanted, buyer % 2)).Success);
                if (i % 2 == 0) Assert.Equal(HoldVerdict.Released, await ReleaseAsync(wanted.OrderId, buyer / 2 % 2));
                else Assert.Equal(HoldVerdict.Committed, await CommitAsync(wanted.OrderId, buyer / 2 % 2));
            }
        }));

        Assert.Equal(before, await DeadlocksAsync());
        Assert.Equal((1_000_000 - 128, 0), await LevelAsync(a));
        Assert.Equal((1_000_000 - 256, 0), await LevelAsync(b));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task In_a_batch_of_50_a_short_a_bad_and_a_poisoned_request_change_nobody_elses_verdict()
    {
        var product = await shop.ProductAsync(units: 1_000);
        var scarce = await shop.ProductAsync(units: 1);
        var reservations = Enumerable.Range(0, 50).Select(_ => Wants((product, 2))).ToArray();
        reservations[10] = Wants((product, 1), (scarce, 2));
        reservations[20] = Wants((product, 0));
        var poisoned = reservations[30];
        await shop.ExecuteAsync($"""
            create function poison() returns trigger language plpgsql as
            'begin raise exception ''poisoned''; end';
            create trigger poison before insert on reservations
                for each row when (new.order_id = '{poisoned.OrderId}') execute function poison();
            """);

        using var client = shop.Internal();
        using var response = await client.PostAsJsonAsync(
            "/internal/stocks/reserve-many", new { reservations }, ShopJson.Options);
        var answer = await response.Content.ReadFromJsonAsync<ReserveStock.ManyResponse>(ShopJson.Options);
        await shop.ExecuteAsync("drop trigger poison on reservations; drop function poison");

        Assert.Equal(reservations.Select(r => r.OrderId), answer!.Results.Select(r => r.OrderId));
        var refused = answer.Results.Where(r => !r.Success).Select(r => (r.OrderId, r.Reason, r.ProductId)).ToArray();
        Assert.Equal(
            [
                (reservations[10].OrderId, ReserveStock.OutOfStock, scarce),
                (reservations[20].OrderId, ReserveStock.Invalid, null),
                (poisoned.OrderId, ReserveStock.Unavailable, null),
            ],
            refused);
        Assert.Equal((1_000, 47 * 2), await LevelAsync(product));
        Assert.Equal((1, 0), await LevelAsync(scarce));
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_reservation_that_fails_in_an_unforeseen_way_keeps_nobody_from_hearing_a_verdict()
    {
        var reservations = Enumerable.Range(0, 3).Select(_ => Wants((Guid.CreateVersion7(), 1))).ToArray();
        var held = ReserveStock.Response.Held(DateTimeOffset.UnixEpoch, []);
        using var commits = new SharedCommit<ReserveStock.Call, ReserveStock.Response>((calls, _) =>
            calls.Any(call => call.Request == reservations[1])
                ? throw new InvalidCastException("a row that nobody expected")
                : Task.FromResult<IReadOnlyList<ReserveStock.Response>>([.. calls.Select(_ => held)]));
        await commits.StartAsync(default);

        var answer = await ReserveStock.HandleMany(
            new(reservations), commits, NullLogger<ReserveStock.Call>.Instance, default);

        var results = Assert.IsType<Ok<ReserveStock.ManyResponse>>(answer.Result).Value!.Results;
        Assert.Equal(
            [(true, null), (false, ReserveStock.Unavailable), (true, null)],
            results.Select(result => (result.Success, result.Reason)));
    }

    [Fact]
    public async Task A_repeated_reservation_gets_its_first_answer_also_after_the_price_changed()
    {
        var product = await shop.ProductAsync(units: 10, unitPrice: 500);
        var wanted = Wants((product, 4));

        var first = await ReserveAsync(wanted);
        await shop.ExecuteAsync("update products set unit_price = 900 where id = @product", new { product });
        var again = await ReserveAsync(wanted);
        var differs = await ReserveAsync(wanted with { Lines = [new(product, 5)] });

        Assert.Equal(new(product, CatalogFixture.Seller1, "tests", "A thing", 500, 4, 6), Assert.Single(first.Lines!));
        Assert.Equal(first.ExpiresAt, again.ExpiresAt);
        Assert.Equal(first.Lines!, again.Lines!);
        Assert.Equal(ReserveStock.Response.Refused(ReserveStock.HoldEnded, null, null), differs);
        Assert.Equal((10, 4), await LevelAsync(product));
        Assert.Equal(
            1, (await shop.QueryAsync<long>(
                "select count(*) from outbox where key = @OrderId and type = 'StockReserved.v1'", wanted)).Single());
    }

    [Fact]
    public async Task As_many_reservations_with_as_many_lines_as_one_call_may_have_fit_into_it()
    {
        var lines = Enumerable.Range(0, ReserveStock.MaxLines)
            .Select(_ => new ReserveStock.WantedLine(Guid.CreateVersion7(), ReserveStock.MaxQuantity)).ToArray();
        var reservations = Enumerable.Range(0, ReserveStock.MaxReservations)
            .Select(_ => Wants() with { Lines = lines, TtlSeconds = ReserveStock.MaxTtlSeconds }).ToArray();

        using var client = shop.Internal();
        using var response = await client.PostAsJsonAsync(
            "/internal/stocks/reserve-many", new { reservations }, ShopJson.Options);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var answer = await response.Content.ReadFromJsonAsync<ReserveStock.ManyResponse>(ShopJson.Options);
        Assert.Equal(ReserveStock.MaxReservations, answer!.Results.Count);
        Assert.All(answer.Results, result => Assert.Equal(ReserveStock.ProductUnknown, result.Reason));
    }

    [Fact]
    public async Task The_same_order_at_both_replicas_at_once_is_one_hold()
    {
        var a = await shop.ProductAsync(units: 100);
        var b = await shop.ProductAsync(units: 100);
        var orders = Enumerable.Range(0, 40).Select(_ => Wants((a, 1))).ToArray();

        // The other body asks for another product, so that no stock row makes the two wait for each other.
        var answers = await Task.WhenAll(orders.SelectMany(order => new[]
        {
            ReserveAsync(order, 0), ReserveAsync(order with { Lines = [new(b, 1)] }, 1),
        }));

        for (var i = 0; i < answers.Length; i += 2)
        {
            Assert.Equal(
                [ReserveStock.HoldEnded, null],
                answers[i..(i + 2)].Select(answer => answer.Reason).OrderByDescending(reason => reason));
        }

        Assert.Equal(40, (await LevelAsync(a)).Reserved + (await LevelAsync(b)).Reserved);
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task Bad_input_is_a_problem_that_names_the_field_and_holds_nothing()
    {
        var product = await shop.ProductAsync(units: 10);
        var good = Wants((product, 1));

        Assert.Equal("lines", await InvalidFieldAsync(good with { Lines = [] }));
        Assert.Equal("lines[0].quantity", await InvalidFieldAsync(Wants((product, 0))));
        Assert.Equal("lines[0].quantity", await InvalidFieldAsync(Wants((product, -1))));
        Assert.Equal("lines[0].quantity", await InvalidFieldAsync(Wants((product, 1_000_000_000))));
        Assert.Equal("lines[1].productId", await InvalidFieldAsync(Wants((product, 1), (product, 1))));
        Assert.Equal("ttlSeconds", await InvalidFieldAsync(good with { TtlSeconds = 0 }));
        Assert.Equal("lines", await InvalidFieldAsync(
            Wants([.. Enumerable.Range(0, 1_000).Select(_ => (Guid.CreateVersion7(), 1))])));
        Assert.Equal((10, 0), await LevelAsync(product));
    }

    [Fact]
    public async Task Only_services_reserve()
    {
        using var buyer = shop.Buyer();
        using var anonymous = shop.Anonymous();
        var wanted = Wants((Guid.CreateVersion7(), 1));

        Assert.Equal(
            [HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized],
            [
                (await buyer.PostAsJsonAsync("/internal/stocks/reserve", wanted)).StatusCode,
                (await anonymous.PostAsJsonAsync("/internal/stocks/reserve", wanted)).StatusCode,
            ]);
    }

    [Fact]
    public async Task A_connection_lost_at_commit_still_gives_every_caller_the_true_answer()
    {
        var product = await shop.ProductAsync(units: 3);
        var reserving = new ReserveMany(shop.Db, TimeProvider.System);
        var lost = 0;
        using var commits = new SharedCommit<ReserveStock.Call, ReserveStock.Response>(async (calls, ct) =>
        {
            var answers = await reserving.FlushAsync(calls, ct);

            // As a COMMIT whose answer never came: done, and not known to be.
            if (Interlocked.Exchange(ref lost, 1) == 0) throw new NpgsqlException("The connection is lost.");
            return answers;
        });
        var calls = Enumerable.Range(0, 5).Select(_ => new ReserveStock.Call(Wants((product, 1)), null)).ToArray();
        var answers = calls.Select(call => commits.RunAsync(call, CancellationToken.None)).ToArray();
        await commits.StartAsync(CancellationToken.None);

        Assert.Equal([true, true, true, false, false], (await Task.WhenAll(answers)).Select(answer => answer.Success));
        Assert.Equal((3, 3), await LevelAsync(product));
        await commits.StopAsync(CancellationToken.None);
        await shop.AssertSumsAsync();
    }

    [Fact]
    public async Task A_release_that_commits_while_a_batch_decides_refuses_its_own_order_only()
    {
        var product = await shop.ProductAsync(units: 3);
        var calls = Enumerable.Range(0, 3).Select(_ => new ReserveStock.Call(Wants((product, 1)), null)).ToArray();

        // The tombstone that a release leaves is not committed yet, so the batch does not know of it and waits at it.
        await using var connection = await shop.Db.Source.OpenConnectionAsync();
        await using var release = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(
            """
            insert into reservations (order_id, status, created_at, ended_at) values (@id, 'RELEASED', now(), now())
            """,
            new { id = calls[1].Request.OrderId });
        var deciding = new ReserveMany(shop.Db, TimeProvider.System).FlushAsync(calls, CancellationToken.None);
        await WaitForWaiterAsync(connection);
        await release.CommitAsync();

        var answers = await deciding;
        Assert.Equal([true, false, true], answers.Select(answer => answer.Success));
        Assert.Equal(ReserveStock.HoldEnded, answers[1].Reason);
        Assert.Equal((3, 2), await LevelAsync(product));
        await shop.AssertSumsAsync();
    }

    /// <summary>Until another transaction waits for a row of this connection's.</summary>
    private static async Task WaitForWaiterAsync(NpgsqlConnection connection)
    {
        const string waitersSql = """
            select count(*) from pg_locks where not granted and transactionid = pg_current_xact_id()::xid
            """;
        var patience = Stopwatch.StartNew();
        while (await connection.ExecuteScalarAsync<long>(waitersSql) == 0)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(10), "Nobody waits for the row.");
            await Task.Delay(10);
        }
    }

    private async Task<string> InvalidFieldAsync(ReserveStock.Request request)
    {
        using var client = shop.Internal();
        using var response = await client.PostAsJsonAsync("/internal/stocks/reserve", request, ShopJson.Options);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:invalid-request", problem.GetProperty("type").GetString());
        return Assert.Single(problem.GetProperty("errors").EnumerateObject()).Name;
    }

    private async Task<ReserveStock.Response> ReserveAsync(ReserveStock.Request request, int replica = 0)
    {
        using var client = shop.Internal(replica);
        using var response = await client.PostAsJsonAsync("/internal/stocks/reserve", request, ShopJson.Options);
        var answer = (await response.Content.ReadFromJsonAsync<ReserveStock.Response>(ShopJson.Options))!;
        Assert.Equal(answer.Success ? HttpStatusCode.OK : HttpStatusCode.Conflict, response.StatusCode);
        return answer;
    }

    private async Task<HoldVerdict> ReleaseAsync(Guid orderId, int replica)
    {
        using var client = shop.Internal(replica);
        using var response = await client.PostAsJsonAsync("/internal/stocks/release", new { orderId });
        return (await response.Content.ReadFromJsonAsync<ReleaseStock.Response>(ShopJson.Options))!.Verdict;
    }

    private async Task<HoldVerdict> CommitAsync(Guid orderId, int replica)
    {
        using var client = shop.Internal(replica);
        using var response = await client.PostAsJsonAsync("/internal/stocks/commit", new { orderId });
        return (await response.Content.ReadFromJsonAsync<CommitStock.Response>(ShopJson.Options))!.Verdict;
    }

    private async Task<(long OnHand, long Reserved)> LevelAsync(Guid product) => (await shop.QueryAsync<(long, long)>(
        "select on_hand, reserved from stock where product_id = @product", new { product })).Single();

    private async Task<long> DeadlocksAsync() => (await shop.QueryAsync<long>(
        "select deadlocks from pg_stat_database where datname = current_database()")).Single();

    private static ReserveStock.Request Wants(params (Guid Product, int Quantity)[] lines) => new(
        Guid.CreateVersion7(), User,
        [.. lines.Select(line => new ReserveStock.WantedLine(line.Product, line.Quantity))], 60);
}
