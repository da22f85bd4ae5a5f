using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Users;

/// <summary>Changes name and phone; what is absent stays, and an empty phone is forgotten.</summary>
internal static class ChangeMe
{
    private const string UpdateSql = """
        update users
           set name = coalesce(@Name, name),
               phone = case when @ForgetPhone then null else coalesce(@Phone, phone) end,
               version = version + 1,
               updated_at = @Now
         where id = @Id
        """; // 0 rows: no such user.

    public static async Task<Results<Ok<GetMe.Response>, ProblemHttpResult>> Handle(
        Request request, ClaimsPrincipal principal, Database<IdentityDb> database, IdentityDb db,
        PersonalData personal, CancellationToken ct)
    {
        var id = principal.UserId();
        var (name, phone) = (request.Name?.Trim(), request.Phone?.Trim());
        if (name is "") return Problems.Invalid("name", "The name must not be blank.");
        if (phone is { Length: > 0 } && !new PhoneAttribute().IsValid(phone))
        {
            return Problems.Invalid("phone", "This is not a phone number.");
        }

        if (name is not null || phone is not null)
        {
            await database.TransactAsync(tx => tx.ExecuteAsync(UpdateSql, new
            {
                Id = id,
                Name = name is null ? null : personal.Seal(id, Fields.Name, name),
                Phone = string.IsNullOrEmpty(phone) ? null : personal.Seal(id, Fields.Phone, phone),
                ForgetPhone = phone is "",
                tx.Now,
            }), ct);
        }

        return await GetMe.Handle(principal, db, personal, ct);
    }

    public sealed record Request([MaxLength(100)] string? Name, [MaxLength(32)] string? Phone);
}
