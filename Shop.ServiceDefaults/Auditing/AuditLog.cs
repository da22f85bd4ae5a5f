using System.Diagnostics;
using System.Security.Claims;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;

namespace Shop.ServiceDefaults.Auditing;

/// <summary>The append-only record of what was done by privilege and not by ownership.</summary>
public static class AuditLog
{
    private const string InsertSql = """
        insert into audit_log (at, actor, act, target, trace_id) values (@Now, @Actor, @Act, @Target, @TraceId)
        """;

    /// <summary>Writes one act into the transaction that does it.</summary>
    /// <param name="act">What was done, in words that stay: <c>assign roles: admin, seller</c>. No personal
    /// data.</param>
    /// <param name="target">What it was done to: kind and id, such as <c>user 0198...</c>.</param>
    public static Task AuditAsync<TDb>(this Transaction<TDb> tx, ClaimsPrincipal actor, string act, string target) =>
        tx.AuditAsync(
            actor.FindFirst(Principals.Subject)?.Value
                ?? throw new InvalidOperationException("The token names nobody."),
            act, target);

    /// <param name="actor">The id of a user, or the name of a service.</param>
    public static Task AuditAsync<TDb>(this Transaction<TDb> tx, string actor, string act, string target) =>
        tx.ExecuteAsync(InsertSql, new
        {
            tx.Now,
            Actor = actor,
            Act = act,
            Target = target,
            TraceId = Activity.Current?.TraceId.ToHexString(),
        });

    /// <summary>The same, if it was an admin who did it: owners need no record.</summary>
    public static Task AuditAdminAsync<TDb>(
        this Transaction<TDb> tx, ClaimsPrincipal actor, string act, string target) =>
        actor.IsAdmin() ? tx.AuditAsync(actor, act, target) : Task.CompletedTask;
}
