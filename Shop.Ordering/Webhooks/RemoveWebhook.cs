using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Webhooks;

/// <summary>Ends a webhook: what was not sent yet goes with it.</summary>
internal static class RemoveWebhook
{
    private const string DeleteSql = "delete from webhooks where id = @id";

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, ClaimsPrincipal user, Database<OrderingDb> database, CancellationToken ct)
    {
        var removed = await database.TransactAsync(
            async tx =>
            {
                var rows = await tx.ExecuteAsync(DeleteSql, new { id });
                if (rows == 1) await tx.AuditAsync(user, "remove webhook", $"webhook {id}");
                return rows;
            },
            ct);
        return removed == 1 ? TypedResults.NoContent() : Problems.NotFound();
    }
}
