using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Users;

/// <summary>
/// An admin says what a user may do. Tokens that are out keep their roles until they expire, minutes later.
/// </summary>
internal static class AssignRoles
{
    private const string UpdateSql = """
        update users
           set roles = @Roles,
               seller_id = case when 'seller' = any (@Roles) then coalesce(@SellerId, seller_id, @NewSellerId) end,
               version = version + 1,
               updated_at = @Now
         where id = @Id
        returning id, roles, seller_id
        """; // 0 rows: no such user.

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, ClaimsPrincipal admin, Database<IdentityDb> database, CancellationToken ct)
    {
        var roles = request.Roles.Distinct().Order(StringComparer.Ordinal).ToArray();
        if (roles.Except(Roles.OfUsers).Any())
        {
            return Problems.Invalid("roles", $"Each role must be one of: {string.Join(", ", Roles.OfUsers)}.");
        }

        if (request.SellerId is not null && !roles.Contains(Roles.Seller))
        {
            return Problems.Invalid("sellerId", "Only a seller has a seller id.");
        }

        var changed = await database.TransactAsync(async tx =>
        {
            var user = await tx.QuerySingleOrDefaultAsync<Response>(UpdateSql, new
            {
                Id = id,
                Roles = roles,
                request.SellerId,
                NewSellerId = Guid.CreateVersion7(tx.Now),
                tx.Now,
            });
            if (user is not null)
            {
                await tx.AuditAsync(admin, $"assign roles: {string.Join(", ", user.Roles)}", $"user {id}");
            }

            return user;
        }, ct);
        return changed is null ? Problems.NotFound() : TypedResults.Ok(changed);
    }

    public sealed record Request([Required, MinLength(1), MaxLength(8)] string[] Roles, Guid? SellerId);

    // Not positional: Dapper finds no constructor for an array of PostgreSQL.
    public sealed record Response
    {
        public Guid Id { get; init; }

        public string[] Roles { get; init; } = [];

        public Guid? SellerId { get; init; }
    }
}
