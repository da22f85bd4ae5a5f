using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Webhooks;

/// <summary>An admin gives an address that is to hear of events. Only here its signing secret is shown.</summary>
internal static class RegisterWebhook
{
    private const int MaxWebhooks = 50;
    private const int MaxUrlLength = 2_000;
    private const int SecretLength = 32;

    private const string InsertSql = """
        insert into webhooks (id, url, events, secret, created_at, resume_at)
        select @Id, @Url, @Events, @Secret, @Now, @Now
         where (select count(*) from webhooks) < @MaxWebhooks
        """; // 0 rows: there are as many as there may be.

    /// <param name="Events">Types to hear of, such as OrderPaid; left out: all.</param>
    public sealed record Request(string? Url = null, string?[]? Events = null);

    public sealed record Response(
        Guid Id, string Url, IReadOnlyList<string>? Events, string Secret, DateTimeOffset CreatedAt);

    public static async Task<Results<Created<Response>, ProblemHttpResult>> Handle(
        Request request, ClaimsPrincipal user, Database<OrderingDb> database, WebhookOptions options,
        CancellationToken ct)
    {
        if (Refusal(request.Url, options.AllowPrivateAddresses == true) is { } refusal)
        {
            return Problems.Invalid("url", refusal);
        }

        if (UnknownEvent(request.Events) is { } field)
        {
            return Problems.Invalid(field, $"The events are {string.Join(", ", WebhookEvents.Names)}.");
        }

        var events = request.Events?.OfType<string>().Distinct().ToArray();
        var secret = $"whsec_{WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(SecretLength))}";
        var (stored, answer) = await database.TransactAsync(
            async tx =>
            {
                var response = new Response(Guid.CreateVersion7(tx.Now), request.Url!, events, secret, tx.Now);
                var inserted = await tx.ExecuteAsync(InsertSql, new
                {
                    response.Id, response.Url, Events = events, Secret = Encoding.UTF8.GetBytes(secret),
                    Now = response.CreatedAt, MaxWebhooks,
                });
                if (inserted == 1) await tx.AuditAsync(user, "register webhook", $"webhook {response.Id}");
                return (inserted, response);
            },
            ct);
        return stored == 1
            ? TypedResults.Created($"/webhooks/{answer.Id}", answer)
            : Problems.Conflict("too-many-webhooks", $"There are {MaxWebhooks} webhooks already; remove one.");
    }

    /// <summary>What is wrong with the address, or null. Where its name leads is looked at at each sending.</summary>
    private static string? Refusal(string? url, bool allowPrivate)
    {
        const string wanted = "An absolute http or https address without user name and fragment is needed";
        if (url is not { Length: > 0 and <= MaxUrlLength } || url.Contains('\0')
            || !Uri.TryCreate(url, UriKind.Absolute, out var uri)
            || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
            || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            return $"{wanted}, of at most {MaxUrlLength} characters.";
        }

        return allowPrivate || PublicAddresses.MayName(uri)
            ? null
            : "The address must not be a loopback, link-local or private one.";
    }

    private static string? UnknownEvent(string?[]? events)
    {
        if (events is null) return null;
        if (events.Length == 0 || events.Length > WebhookEvents.Types.Count * 2) return "events";
        var unknown = Array.FindIndex(events, name => name is null || !WebhookEvents.Knows(name));
        return unknown < 0 ? null : $"events[{unknown}]";
    }
}
