using System.Net;
using System.Text.Json;
using Npgsql;
using Shop.Ordering.Coupons;
using Shop.Tests.Purchase;
using StackExchange.Redis;

namespace Shop.Tests.Ordering.Coupons;

public sealed class ClaimCouponTests(OrderingApp app) : IClassFixture<OrderingApp>
{
    private const string BooksSql = """
        select issued = total_quantity and issued = (select count(*) from user_coupons u where u.coupon_id = c.id)
          from coupons c where id = @coupon
        """;

    [Fact]
    public async Task A_claim_is_one_coupon_of_mine_and_a_second_one_is_refused()
    {
        var (coupon, user) = (await app.CouponAsync(), Guid.CreateVersion7());

        var claimed = await app.ClaimAsync(coupon, user);
        var again = await app.ClaimAsync(coupon, user, replica: 1);

        Assert.Equal(HttpStatusCode.Created, claimed.Status);
        Assert.Equal($"/coupons/{coupon}", claimed.Response.Headers.Location?.ToString());
        Assert.Equal((coupon, "ISSUED"), (claimed.Body.GetProperty("couponId").GetGuid(), claimed.Text("status")));
        Assert.Equal((HttpStatusCode.Conflict, "coupon-already-claimed"), (again.Status, again.Problem));
        Assert.Equal(("ISSUED", null), await app.MineAsync(user));
        var claims = await app.QueryAsync<string>(
            "select payload::text from outbox where key = @coupon and type = 'CouponClaimed.v1'", new { coupon });
        Assert.Equal(user, JsonDocument.Parse(Assert.Single(claims)).RootElement.GetProperty("userId").GetGuid());
    }

    [Fact]
    public async Task Under_one_key_a_claim_has_one_answer_and_another_coupon_is_refused()
    {
        var (coupon, other, user) = (await app.CouponAsync(), await app.CouponAsync(), Guid.CreateVersion7());

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(i => app.ClaimAsync(coupon, user, "k", replica: i % 2)));
        var replayed = await app.ClaimAsync(coupon, user, "k");
        var foreign = await app.ClaimAsync(other, user, "k");

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Created, answer.Status));
        Assert.Single(answers.Append(replayed).Select(answer => answer.Body.ToString()).Distinct());
        Assert.True(replayed.Replayed);
        Assert.Equal((422, "idempotency-key-reused"), ((int)foreign.Status, foreign.Problem));
        Assert.Equal(
            1, await app.ScalarAsync<long>("select count(*) from user_coupons where user_id = @user", new { user }));
    }

    [Fact]
    public async Task A_stranger_among_the_ids_is_404_and_time_is_kept()
    {
        var user = Guid.CreateVersion7();
        var until = app.Clock.GetUtcNow().AddMinutes(5);
        var ending = await app.CouponAsync(validUntil: until);
        using var admin = app.Admin();
        var later = await admin.PostAsync("/coupons", new
        {
            code = CouponDesk.NewCode(), discount = CouponDesk.Amount(1), totalQuantity = 1, validFrom = until,
        });

        Assert.Equal(HttpStatusCode.NotFound, (await app.ClaimAsync(Guid.CreateVersion7(), user)).Status);
        Assert.Equal("coupon-not-yet-valid", (await app.ClaimAsync(later.Id, user)).Problem);
        Assert.Equal(HttpStatusCode.Created, (await app.ClaimAsync(ending, user)).Status);
        app.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal("coupon-expired", (await app.ClaimAsync(ending, Guid.CreateVersion7())).Problem);
        Assert.Equal(("EXPIRED", null), await app.MineAsync(user));
        Assert.InRange(await ExpireCoupons.RunAsync(app.Services, CancellationToken.None), 1, 500);
        Assert.Equal("EXPIRED", await app.ScalarAsync<string>(
            "select status from user_coupons where user_id = @user", new { user }));
    }

    // Users claim again and again at both replicas while the gate loses its count: it only ever refuses.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_100_coupons_exactly_100_users_get_one_each(bool flushed)
    {
        const int total = 100;
        var coupon = await app.CouponAsync(total: total);
        var users = Enumerable.Range(0, 300).Select(_ => Guid.CreateVersion7()).ToArray();
        using var redis = await ConnectionMultiplexer.ConnectAsync(app.Redis);

        var answers = new Buying.Answer[900];
        await Parallel.ForAsync(
            0, answers.Length, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) =>
            {
                if (flushed && i % 50 == 25) await redis.GetDatabase().KeyDeleteAsync(GateOf(coupon));
                answers[i] = await app.ClaimAsync(coupon, users[(i * 7) % users.Length], replica: i % 2);
            });

        Assert.Equal(total, answers.Count(answer => answer.Status == HttpStatusCode.Created));
        Assert.All(
            answers.Where(answer => answer.Status != HttpStatusCode.Created),
            answer => Assert.True(
                answer.Status == HttpStatusCode.Conflict
                && answer.Problem is "coupon-sold-out" or "coupon-already-claimed", answer.ToString()));
        Assert.True(await app.ScalarAsync<bool>(BooksSql, new { coupon }));
        Assert.Equal(
            (long)total, await app.ScalarAsync<long>(
                "select count(distinct payload->>'userId') from outbox where key = @coupon", new { coupon }));
    }

    [Fact]
    public async Task Places_that_were_counted_and_never_taken_are_still_given()
    {
        var coupon = await app.CouponAsync(total: 3);
        Assert.Equal(HttpStatusCode.Created, (await app.ClaimAsync(coupon, Guid.CreateVersion7())).Status);
        using var redis = await ConnectionMultiplexer.ConnectAsync(app.Redis);
        // As if processes had died between the gate and the database.
        await redis.GetDatabase().HashSetAsync(GateOf(coupon), "taken", 3);

        var answers = new List<Buying.Answer>();
        for (var i = 0; i < 4; i++) answers.Add(await app.ClaimAsync(coupon, Guid.CreateVersion7()));

        Assert.Equal([201, 201, 409, 409], answers.Select(answer => (int)answer.Status));
        Assert.All(answers.Skip(2), answer => Assert.Equal("coupon-sold-out", answer.Problem));
    }

    [Fact]
    public async Task A_failed_admission_is_given_back_and_a_user_is_counted_once()
    {
        var (coupon, user) = (await app.CouponAsync(total: 50), Guid.CreateVersion7());
        for (var i = 0; i < 5; i++) await app.ClaimAsync(coupon, user, replica: i % 2);
        using var redis = await ConnectionMultiplexer.ConnectAsync(app.Redis);
        var gate = redis.GetDatabase();
        Assert.Equal(1, (long)await gate.HashGetAsync(GateOf(coupon), "taken"));

        await gate.KeyDeleteAsync(GateOf(coupon));
        Assert.Equal("coupon-already-claimed", (await app.ClaimAsync(coupon, user)).Problem);

        Assert.Equal(1, (long)await gate.HashGetAsync(GateOf(coupon), "taken"));
        Assert.False(await gate.HashExistsAsync(GateOf(coupon), user.ToString("N")));
    }

    [Fact]
    public async Task Without_Redis_the_service_is_healthy_and_the_database_decides_alone()
    {
        var replica = await app.AddReplicaAsync(app.Database, cache: "127.0.0.1:1,connectTimeout=500");
        var coupon = await app.CouponAsync(total: 5);
        using var anybody = new HttpClient { BaseAddress = app.Buyer(Guid.CreateVersion7(), replica).BaseAddress };
        Assert.Equal(HttpStatusCode.OK, (await anybody.GetAsync("/health")).StatusCode);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(_ => app.ClaimAsync(coupon, Guid.CreateVersion7(), replica: replica)));

        Assert.Equal(5, answers.Count(answer => answer.Status == HttpStatusCode.Created));
        Assert.All(
            answers.Where(answer => answer.Status != HttpStatusCode.Created),
            answer => Assert.Equal("coupon-sold-out", answer.Problem));
        Assert.True(await app.ScalarAsync<bool>(BooksSql, new { coupon }));
    }

    [Theory]
    [InlineData("update coupons set amount_minor = 1 where id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("update coupons set total_quantity = 500 where id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("update coupons set code = 'x' where id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("update coupons set issued = 0 where id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("update coupons set issued = 3 where id = @coupon", PostgresErrorCodes.CheckViolation)]
    [InlineData("delete from coupons where id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("truncate coupons cascade", PostgresErrorCodes.RestrictViolation)]
    [InlineData("delete from user_coupons where coupon_id = @coupon", PostgresErrorCodes.RestrictViolation)]
    [InlineData("truncate user_coupons", PostgresErrorCodes.RestrictViolation)]
    [InlineData(
        "update user_coupons set claimed_at = now(), status = 'EXPIRED', version = 2 where coupon_id = @coupon",
        PostgresErrorCodes.RestrictViolation)]
    [InlineData(
        "update user_coupons set status = 'USED', version = 2 where coupon_id = @coupon",
        PostgresErrorCodes.RestrictViolation)]
    [InlineData(
        """
        insert into user_coupons (id, coupon_id, user_id, status, claimed_at, updated_at)
        select gen_random_uuid(), coupon_id, user_id, 'ISSUED', now(), now() from user_coupons where coupon_id = @coupon
        """, PostgresErrorCodes.UniqueViolation)]
    public async Task The_database_keeps_terms_claims_and_limits(string sql, string state)
    {
        var coupon = await app.CouponAsync(total: 2);
        await app.OwnerAsync(coupon);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql, new { coupon }));

        Assert.Equal(state, refused.SqlState);
    }

    private static string GateOf(Guid coupon) => $"coupon-gate:{coupon:N}";
}
