using System.Diagnostics;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;

namespace Shop.Ordering.Coupons;

/// <summary>
/// Claims as the database decides them: all that arrive while a commit is under way share the next one, so that
/// thousands of claims of one coupon take its row's lock a few times. The unique (coupon, user) and the CHECK on what
/// is issued stand behind the code.
/// </summary>
internal sealed class ClaimCoupons(Database<OrderingDb> database)
{
    private const string ReadSql = $"select {Coupon.Columns} from coupons where id = any(@CouponIds)";

    // In the order of ids, so that two batches meet at the first coupon they share and not crosswise.
    private const string LockSql = $"{ReadSql} order by id for no key update";

    // A claim of this user's: of that coupon, or of another one under the same key.
    private const string ClaimsSql = $"""
        select {UserCoupon.Columns}
          from unnest(@CouponIds, @UserIds) as wanted (coupon_id, user_id)
          join user_coupons using (coupon_id, user_id)
         union
        select {UserCoupon.Columns}
          from unnest(@UserIds, @Keys) as wanted (user_id, idempotency_key)
          join user_coupons using (user_id, idempotency_key)
        """;

    // An id that does not come back met a claim of the same user under the same key, of another coupon, that was being
    // committed at this moment.
    private const string ClaimSql = """
        with claimed as (
            insert into user_coupons (
                   id, coupon_id, user_id, status, idempotency_key, fingerprint, expires_at, claimed_at, updated_at)
            select w.id, w.coupon_id, w.user_id, 'ISSUED', w.key, w.fingerprint, c.valid_until, @Now, @Now
              from unnest(@Ids, @CouponIds, @UserIds, @Keys, @Fingerprints)
                   as w (id, coupon_id, user_id, key, fingerprint)
              join coupons c on c.id = w.coupon_id
             order by w.id
                on conflict do nothing
            returning id, coupon_id
        ), counted as (
            update coupons c set issued = c.issued + n.claims
              from (select coupon_id, count(*) as claims from claimed group by coupon_id) n
             where c.id = n.coupon_id
        )
        select id from claimed
        """;

    private const string CountSql = "select issued, total_quantity as total from coupons where id = @CouponId";

    internal SharedCommit<Item, Answer> Shared { get; } = new((items, ct) => CommitAsync(database, items, ct));

    internal SharedCommit<Item, Answer?> Looks { get; } = new((items, ct) => LookUpAsync(database, items, ct));

    public Task<Answer> RunAsync(Item claim, CancellationToken ct) =>
        Shared.RunAsync(claim with { Activity = Activity.Current }, ct);

    /// <summary>What can be answered without deciding anything; null where it has to be decided.</summary>
    public Task<Answer?> LookAsync(Item claim, CancellationToken ct) => Looks.RunAsync(claim, ct);

    /// <summary>How many are issued, and of how many; null: no such coupon.</summary>
    public Task<Count?> CountAsync(Guid couponId, CancellationToken ct) =>
        database.QuerySingleOrDefaultAsync<Count>(CountSql, new { CouponId = couponId }, ct);

    private static async Task<IReadOnlyList<Answer>> CommitAsync(
        Database<OrderingDb> database, IReadOnlyList<Item> items, CancellationToken ct)
    {
        Activity.Current = Live(items[0].Activity);
        // Dying before the commit keeps nothing; after it each user finds the coupon claimed.
        return await database.TransactAsync(tx => ClaimAsync(tx, items), ct);
    }

    private static async Task<IReadOnlyList<Answer?>> LookUpAsync(
        Database<OrderingDb> database, IReadOnlyList<Item> items, CancellationToken ct) =>
        await database.TransactAsync(
            async tx =>
            {
                var desk = await Desk.OpenAsync(tx, ReadSql, items);
                // That all are issued stays true; that one is left may be over by now.
                return items.Select(item => desk.Judge(item, tx.Now))
                    .Select(answer => answer.Verdict == ClaimVerdict.Free ? null : answer).ToArray();
            },
            ct);

    private static async Task<IReadOnlyList<Answer>> ClaimAsync(Transaction<OrderingDb> tx, IReadOnlyList<Item> items)
    {
        var now = tx.Now;
        var desk = await Desk.OpenAsync(tx, LockSql, items);
        var answers = new Answer[items.Count];
        var given = new List<(Item Item, int Number)>();
        for (var i = 0; i < answers.Length; i++)
        {
            answers[i] = desk.Judge(items[i], now);
            if (answers[i].Verdict != ClaimVerdict.Free) continue;
            answers[i] = desk.Give(items[i], now, out var number);
            given.Add((items[i], number));
        }

        if (given.Count == 0) return answers;
        var kept = await tx.QueryAsync<Guid>(ClaimSql, Columns([.. given.Select(one => one.Item)], now));
        if (kept.Count < given.Count)
        {
            if (items.Count == 1) return [new(ClaimVerdict.KeyReused, null, null)];
            // Its place was refused to others of this batch, so they are decided again, each alone.
            throw new InvalidOperationException("A claim of this batch met another one under its key.");
        }

        foreach (var (item, number) in given)
        {
            // The event belongs to the trace of its own request.
            Activity.Current = Live(item.Activity);
            tx.Publish(new CouponClaimed(item.CouponId, item.UserId, now), version: number);
        }

        return answers;
    }

    private static object Columns(Item[] items, DateTimeOffset now) => new
    {
        Now = now,
        Ids = Array.ConvertAll(items, item => item.Id),
        CouponIds = Array.ConvertAll(items, item => item.CouponId),
        UserIds = Array.ConvertAll(items, item => item.UserId),
        Keys = Array.ConvertAll(items, item => item.Key),
        Fingerprints = Array.ConvertAll(items, item => item.Fingerprint),
    };

    private static Activity? Live(Activity? activity) => activity is { IsStopped: false } ? activity : null;

    internal sealed record Count(int Issued, int Total);

    /// <param name="Id">Derived from the key where there is one.</param>
    internal sealed record Item(
        Guid Id, Guid CouponId, Guid UserId, string? Key, byte[]? Fingerprint, Activity? Activity = null);

    /// <param name="Coupon">Where there is one.</param>
    /// <param name="Claim">The user's, where there is one.</param>
    internal sealed record Answer(ClaimVerdict Verdict, Coupon? Coupon, UserCoupon? Claim);

    /// <summary>What is known about the coupons of one batch and who claims them; gives in order of arrival.</summary>
    private sealed class Desk
    {
        private readonly Dictionary<Guid, Coupon> _coupons;
        private readonly Dictionary<Guid, int> _issued = [];
        private readonly Dictionary<(Guid CouponId, Guid UserId), UserCoupon> _claims;
        private readonly Dictionary<(Guid UserId, string Key), UserCoupon> _keys = [];

        private Desk(IReadOnlyList<Coupon> coupons, IReadOnlyList<UserCoupon> claims)
        {
            _coupons = coupons.ToDictionary(coupon => coupon.Id);
            _claims = claims.ToDictionary(claim => (claim.CouponId, claim.UserId));
            foreach (var claim in claims)
            {
                if (claim.IdempotencyKey is { } key) _keys[(claim.UserId, key)] = claim;
            }
        }

        public static async Task<Desk> OpenAsync(
            Transaction<OrderingDb> tx, string couponsSql, IReadOnlyList<Item> items)
        {
            var wanted = new
            {
                CouponIds = items.Select(item => item.CouponId).ToArray(),
                UserIds = items.Select(item => item.UserId).ToArray(),
                Keys = items.Select(item => item.Key).ToArray(),
            };
            var coupons = await tx.QueryAsync<Coupon>(couponsSql, wanted);
            // A second statement: it sees the claims of whoever had the lock before.
            return new(coupons, await tx.QueryAsync<UserCoupon>(ClaimsSql, wanted));
        }

        public Answer Judge(Item item, DateTimeOffset now)
        {
            if (item.Key is { } key && _keys.TryGetValue((item.UserId, key), out var before) && before.Id != item.Id)
            {
                return new(ClaimVerdict.KeyReused, null, null);
            }

            if (!_coupons.TryGetValue(item.CouponId, out var coupon)) return new(ClaimVerdict.Unknown, null, null);
            if (_claims.TryGetValue((item.CouponId, item.UserId), out var claim))
            {
                // Its own: the key again, or this very item after a COMMIT whose answer was lost.
                return claim.Id != item.Id
                    ? new(ClaimVerdict.AlreadyClaimed, coupon, claim)
                    : new(item.Key is null ? ClaimVerdict.Claimed : ClaimVerdict.Replayed, coupon, claim);
            }

            if (coupon.ValidUntil <= now) return new(ClaimVerdict.TooLate, coupon, null);
            if (coupon.ValidFrom > now) return new(ClaimVerdict.TooEarly, coupon, null);
            var isLeft = IssuedOf(coupon) < coupon.TotalQuantity;
            return new(isLeft ? ClaimVerdict.Free : ClaimVerdict.SoldOut, coupon, null);
        }

        /// <param name="number">The how manieth of its coupon it is.</param>
        public Answer Give(Item item, DateTimeOffset now, out int number)
        {
            var coupon = _coupons[item.CouponId];
            _issued[coupon.Id] = number = IssuedOf(coupon) + 1;
            var claim = new UserCoupon
            {
                Id = item.Id, CouponId = item.CouponId, UserId = item.UserId, Version = 1,
                IdempotencyKey = item.Key, ExpiresAt = coupon.ValidUntil, ClaimedAt = now,
            };
            _claims[(claim.CouponId, claim.UserId)] = claim;
            if (item.Key is { } key) _keys[(item.UserId, key)] = claim;
            return new(ClaimVerdict.Claimed, coupon, claim);
        }

        private int IssuedOf(Coupon coupon) => _issued.GetValueOrDefault(coupon.Id, coupon.Issued);
    }
}

/// <summary>How the database answers a claim.</summary>
internal enum ClaimVerdict
{
    /// <summary>One is left for this user; it has yet to be given.</summary>
    Free,

    Claimed,

    /// <summary>The same claim under the same key: its first answer.</summary>
    Replayed,

    Unknown,

    /// <summary>This key was sent with another coupon.</summary>
    KeyReused,

    AlreadyClaimed,

    SoldOut,

    /// <summary>Its time has not begun.</summary>
    TooEarly,

    /// <summary>Its time is over.</summary>
    TooLate,
}
