using Shop.ServiceDefaults.Proof;

namespace Shop.Payments.Proof;

/// <summary>What Payments promises of its customers' points: account, lots, holds and statement say the same.</summary>
internal static class PointsRules
{
    public static readonly SqlRule[] All =
    [
        new("points-are-the-sum-of-their-entries",
            "What a customer owns in points is the sum of the entries, all of them, and is never negative.",
            """
            select a.user_id as id,
                   concat('available ', a.available, ', held ', a.held, ', sum ', e.amount, '; entries ', a.entries,
                          ' of ', e.entries) as facts,
                   a.available < 0 or a.held < 0 or a.available + a.held <> coalesce(e.amount, 0)
                   or a.entries <> coalesce(e.entries, 0) as offends
              from points_accounts a
              left join (select user_id, sum(amount) as amount, count(*) as entries
                           from points_entries
                          group by user_id) as e on e.user_id = a.user_id
            """),

        new("each-points-entry-continues-the-one-before",
            "The entries of a customer are numbered without a gap, each with the sum of all until it.",
            """
            select user_id as id, concat('entry ', number, ' is the ', nth, '.: ', balance, ', sum ', total) as facts,
                   number <> nth or balance <> total as offends
              from (select user_id, number, balance, sum(amount) over statement as total,
                           row_number() over statement as nth
                      from points_entries
                    window statement as (partition by user_id order by number)) as entries
            """),

        new("a-points-account-is-the-sum-of-its-lots",
            "Available and held points of a customer are those of the lots.",
            """
            select a.user_id as id,
                   concat('available ', a.available, ', held ', a.held, ', lots ', l.available, ', ', l.held) as facts,
                   a.available <> coalesce(l.available, 0) or a.held <> coalesce(l.held, 0) as offends
              from points_accounts a
              left join (select user_id, sum(available) as available, sum(held) as held
                           from points_lots
                          group by user_id) as l on l.user_id = a.user_id
            """),

        new("held-points-are-those-of-live-holds",
            "A customer's held points are those of the payments and refunds that wait for their outcome.",
            """
            select a.user_id as id, concat('held ', a.held, ', holds ', coalesce(h.amount, 0)) as facts,
                   a.held <> coalesce(h.amount, 0) as offends
              from points_accounts a
              left join (select user_id, sum(amount) as amount
                           from points_holds
                          where status = 'HELD'
                          group by user_id) as h on h.user_id = a.user_id
            """),

        new("a-lot-holds-what-live-holds-took-of-it",
            "The held points of a lot are the parts that live holds have in it.",
            """
            select l.id, concat('held ', l.held, ', parts ', coalesce(h.amount, 0)) as facts,
                   l.held <> coalesce(h.amount, 0) as offends
              from points_lots l
              left join (select part.lot_id, sum(part.amount) as amount
                           from points_hold_lots part
                           join points_holds hold on hold.id = part.hold_id
                          where hold.status = 'HELD'
                          group by part.lot_id) as h on h.lot_id = l.id
            """),

        new("a-hold-of-points-is-the-sum-of-its-parts",
            "A hold names the lots that all of its points come from.",
            """
            select h.id, concat('hold ', h.amount, ', parts ', coalesce(l.amount, 0)) as facts,
                   h.amount <> coalesce(l.amount, 0) as offends
              from points_holds h
              left join (select hold_id, sum(amount) as amount
                           from points_hold_lots
                          group by hold_id) as l on l.hold_id = h.id
            """),
    ];

    /// <summary>Between the points and the ledger.</summary>
    public static readonly SqlRule InTheLedger =
        new("the-ledger-owes-each-customer-its-points",
            "What the ledger says of a customer's points, to spend and held, is what the account has.",
            """
            select coalesce(a.user_id, l.user_id) as id,
                   concat('available ', a.available, ', held ', a.held, ', ledger ', l.available, ', ',
                          l.held) as facts,
                   coalesce(a.available, 0) <> coalesce(l.available, 0)
                   or coalesce(a.held, 0) <> coalesce(l.held, 0) as offends
              from points_accounts a
              full join (select split_part(account, ':', 2)::uuid as user_id,
                                -sum(amount) filter (where account like 'customer-points:%') as available,
                                -sum(amount) filter (where account like 'held-points:%') as held
                           from ledger_entries
                          where account like 'customer-points:%' or account like 'held-points:%'
                          group by 1) as l on l.user_id = a.user_id
            """);
}
