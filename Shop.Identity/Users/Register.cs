using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Identity.Users;

internal static class Register
{
    private const string InsertSql = """
        insert into users (id, email_hash, email, name, phone, password_hash, roles, seller_id, created_at, updated_at)
        values (@Id, @EmailHash, @Email, @Name, @Phone, @PasswordHash, @Roles, @SellerId, @Now, @Now)
            on conflict (email_hash) do nothing
        """; // 0 rows: the e-mail is taken.

    public static async Task<Results<Created<Response>, ProblemHttpResult>> Handle(
        Request request, Database<IdentityDb> database, Passwords passwords, PersonalData personal, TimeProvider clock,
        CancellationToken ct)
    {
        var email = PersonalData.NormaliseEmail(request.Email);
        var name = request.Name.Trim();
        if (name.Length == 0) return Problems.Invalid("name", "The name must not be blank.");
        if (Passwords.Complaint(request.Password, email, name) is { } complaint)
        {
            return Problems.Invalid("password", complaint);
        }

        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var passwordHash = passwords.Hash(request.Password);
        var user = new NewUser(id, email, name, request.Phone?.Trim(), passwordHash, [Roles.Customer]);
        return await InsertAsync(user, database, personal, ct)
            ? TypedResults.Created("/users/me", new Response(id))
            : Problems.Conflict("email-taken", "A user with this e-mail exists.");
    }

    /// <summary>False: another user has the e-mail.</summary>
    public static Task<bool> InsertAsync(
        NewUser user, Database<IdentityDb> database, PersonalData personal, CancellationToken ct) =>
        database.TransactAsync(async tx =>
        {
            var inserted = await tx.ExecuteAsync(InsertSql, new
            {
                user.Id,
                EmailHash = personal.LookupHash(user.Email),
                Email = personal.Seal(user.Id, Fields.Email, user.Email),
                Name = personal.Seal(user.Id, Fields.Name, user.Name),
                Phone = string.IsNullOrEmpty(user.Phone) ? null : personal.Seal(user.Id, Fields.Phone, user.Phone),
                user.PasswordHash,
                user.Roles,
                user.SellerId,
                tx.Now,
            });
            if (inserted == 0) return false;

            // The user and the event are one commit: dying before it leaves neither.
            tx.Publish(new UserCreated(user.Id, tx.Now), version: 1);
            return true;
        }, ct);

    public sealed record Request(
        [Required, EmailAddress, MaxLength(254)] string Email,
        [Required, MinLength(Passwords.MinLength), MaxLength(2 * Passwords.MaxLength)] string Password,
        [Required, MaxLength(100)] string Name,
        [Phone, MaxLength(32)] string? Phone);

    public sealed record Response(Guid Id);

    /// <param name="Email">Normalised.</param>
    public sealed record NewUser(
        Guid Id, string Email, string Name, string? Phone, string PasswordHash, string[] Roles, Guid? SellerId = null);
}

/// <summary>Names of the encrypted fields: part of what each value is sealed with, so they never change.</summary>
internal static class Fields
{
    public const string Email = "email";
    public const string Name = "name";
    public const string Phone = "phone";
}
