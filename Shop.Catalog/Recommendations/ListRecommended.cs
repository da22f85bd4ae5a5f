using System.Security.Claims;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Shop.Catalog.Popularity;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;

namespace Shop.Catalog.Recommendations;

/// <summary>
/// For one user: what was bought together with what he bought, then what users bought who bought the same, then what
/// sells best. What he bought himself comes only where there is nothing else. Every step reads a bounded number of
/// index entries, however long the history is.
/// </summary>
internal static class ListRecommended
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;
    private const int MaxOrders = 20;
    private const int MaxBought = 50;
    private const int MaxOthers = 50;

    // His latest products that he has not given back, the newest first.
    private const string BoughtSql = """
        select f.product_id
          from (select order_id, paid_at
                  from popularity_orders
                 where user_id = @User and counted_at is not null
                 order by paid_at desc
                 limit @MaxOrders) o
          join popularity_facts f on f.order_id = o.order_id
         group by f.product_id
        having sum(f.quantity) > 0
         order by max(o.paid_at) desc, f.product_id
         limit @MaxBought
        """;

    private const string TogetherSql = """
        select pair.other_id
          from unnest(@Bought) as bought (product_id)
         cross join lateral (select p.other_id, p.orders
                               from popularity_pairs p
                              where p.product_id = bought.product_id and p.orders > 0
                              order by p.orders desc, p.other_id
                              limit @MaxOthers) pair
         group by pair.other_id
         order by sum(pair.orders) desc, pair.other_id
         limit @Max
        """;

    // Who bought most of the same is weighed most: through the newest orders of each product, and of each such user.
    private const string SimilarSql = """
        with peers as (
            select o.user_id, count(distinct bought.product_id) as overlap
              from unnest(@Bought) as bought (product_id)
             cross join lateral (select f.order_id
                                   from popularity_facts f
                                  where f.product_id = bought.product_id and f.source_id = f.order_id
                                  order by f.id desc
                                  limit @MaxOthers) same
              join popularity_orders o on o.order_id = same.order_id and o.user_id <> @User
             group by o.user_id
             order by overlap desc, o.user_id
             limit @MaxOthers),
        theirs as (
            select peers.user_id, peers.overlap, f.product_id
              from peers
             cross join lateral (select o.order_id
                                   from popularity_orders o
                                  where o.user_id = peers.user_id and o.counted_at is not null
                                  order by o.paid_at desc
                                  limit @MaxOrders) o
              join popularity_facts f on f.order_id = o.order_id
             group by peers.user_id, peers.overlap, f.product_id
            having sum(f.quantity) > 0)
        select product_id
          from theirs
         group by product_id
         order by sum(overlap) desc, product_id
         limit @Max
        """;

    public static async Task<Results<Ok<Suggestions>, ProblemHttpResult>> Handle(
        ClaimsPrincipal user, CatalogDb db, Database<CatalogDb> facts, Ranking ranking, CancellationToken ct,
        string? limit = null)
    {
        var errors = new FieldErrors();
        var count = PageLimit.Parse(limit, DefaultLimit, MaxLimit, errors);
        if (errors.Any) return errors.ToProblem();

        var (bought, together, similar) = await ReadAsync(facts, user.UserId(), ct);
        var popular = await ranking.GetAsync(new(PopularityWindow.Month, null, null), ct);
        var candidates = new Candidates(bought);
        candidates.Add(together, SuggestionReason.BoughtTogether);
        candidates.Add(similar, SuggestionReason.SimilarBuyers);
        candidates.Add(popular.Select(place => place.ProductId), SuggestionReason.Popular);
        var suggested = await candidates.AvailableAsync(db, count, ct);
        if (suggested.Count == 0)
        {
            var again = new Candidates([]);
            again.Add(bought, SuggestionReason.BoughtBefore);
            suggested = await again.AvailableAsync(db, count, ct);
        }

        return TypedResults.Ok(new Suggestions(suggested, null));
    }

    private static async Task<(Guid[] Bought, Guid[] Together, Guid[] Similar)> ReadAsync(
        Database<CatalogDb> facts, Guid user, CancellationToken ct)
    {
        await using var connection = await facts.Source.OpenConnectionAsync(ct);
        var bought = await QueryAsync(connection, BoughtSql, new { User = user, MaxOrders, MaxBought }, ct);
        if (bought.Length == 0) return ([], [], []);

        var parameters = new { User = user, Bought = bought, MaxOrders, MaxOthers, Max = Candidates.MaxFromSource };
        return (
            bought,
            await QueryAsync(connection, TogetherSql, parameters, ct),
            await QueryAsync(connection, SimilarSql, parameters, ct));
    }

    private static async Task<Guid[]> QueryAsync(
        NpgsqlConnection connection, string sql, object parameters, CancellationToken ct) =>
        [.. await connection.QueryAsync<Guid>(new CommandDefinition(sql, parameters, cancellationToken: ct))];
}
