using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Users;

internal static class GetMe
{
    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        ClaimsPrincipal principal, IdentityDb db, PersonalData personal, CancellationToken ct)
    {
        var id = principal.UserId();
        return await db.Users.SingleOrDefaultAsync(user => user.Id == id, ct) is { } user
            ? TypedResults.Ok(Response.Of(user, personal))
            : Problems.NotFound();
    }

    public sealed record Response(
        Guid Id, string Email, string Name, string? Phone, string[] Roles, Guid? SellerId, DateTimeOffset CreatedAt)
    {
        public static Response Of(User user, PersonalData personal) => new(
            user.Id,
            personal.Open(user.Id, Fields.Email, user.Email),
            personal.Open(user.Id, Fields.Name, user.Name),
            user.Phone is { } phone ? personal.Open(user.Id, Fields.Phone, phone) : null,
            user.Roles,
            user.SellerId,
            user.CreatedAt);
    }
}
