using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Catalog.Products;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog.Stock;

/// <summary>Units arrive: on hand goes up, with the movement that says why.</summary>
internal static class ReceiveStock
{
    private const int MaxReasonLength = 200;

    private const string Sql = """
        update stock s
           set on_hand = s.on_hand + @Quantity
          from products p
         where s.product_id = @Id and p.id = s.product_id and (@Admin or p.seller_id = @SellerId)
        returning s.on_hand, s.reserved
        """; // 0 rows: no such product, or another seller's.

    private const string MovementSql = """
        insert into stock_movements (product_id, kind, quantity, actor_id, reason, occurred_at)
        values (@Id, 'RECEIVED', @Quantity, @Actor, @Reason, @Now)
        returning id
        """;

    public sealed record Request(int Quantity, string? Reason);

    public sealed record Response(Guid ProductId, long OnHand, long Reserved, long Available);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, ClaimsPrincipal user, Database<CatalogDb> db, ProductCache cache,
        CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(
            request.Quantity is > 0 and <= ReserveStock.MaxQuantity, "quantity", $"1 to {ReserveStock.MaxQuantity}");
        errors.Require(
            request.Reason is null || (request.Reason.Length <= MaxReasonLength && !request.Reason.Contains('\0')),
            "reason", $"at most {MaxReasonLength} characters");
        if (errors.Any) return errors.ToProblem();

        var level = await db.TransactAsync(
            async tx =>
            {
                var parameters = new
                {
                    Id = id,
                    request.Quantity,
                    request.Reason,
                    Admin = user.IsAdmin(),
                    SellerId = user.SellerId(),
                    Actor = user.UserId(),
                    tx.Now,
                };
                if (await tx.QuerySingleOrDefaultAsync<Level>(Sql, parameters) is not { } received) return null;

                // The movement's id rises with each change of this row, as a version has to.
                var version = await tx.QuerySingleOrDefaultAsync<long>(MovementSql, parameters);
                await tx.AuditAdminAsync(user, $"receive stock: {request.Quantity}", $"product {id}");
                tx.Publish(new StockReceived(id, request.Quantity, tx.Now), version);
                return received;
            },
            ct);
        if (level is null) return Problems.NotFound();

        await cache.BeginGenerationAsync();
        return TypedResults.Ok(new Response(id, level.OnHand, level.Reserved, level.OnHand - level.Reserved));
    }

    private sealed record Level(long OnHand, long Reserved);
}
