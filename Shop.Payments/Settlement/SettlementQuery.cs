using System.Buffers.Text;
using System.Security.Claims;
using System.Text;
using System.Text.Json.Serialization;
using Dapper;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Settlement;

/// <summary>A page of a list.</summary>
/// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
public sealed record SettlementPage<T>(
    IReadOnlyList<T> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor)
{
    /// <summary>A page of what was read with one row more than the limit.</summary>
    internal static SettlementPage<T> Of(List<T> found, int limit, Func<T, string> cursorOf)
    {
        if (found.Count <= limit) return new(found, null);

        found.RemoveRange(limit, found.Count - limit);
        return new(found, SettlementQuery.Encode(cursorOf(found[^1])));
    }
}

/// <summary>What the three questions about settlement have in common.</summary>
internal static class SettlementQuery
{
    public const int MaxLimit = 100;

    /// <summary>A seller sees what is its own: whatever it asks for, this is in the WHERE clause with it.</summary>
    /// <param name="All">An admin, to whom the owner means nothing.</param>
    public sealed record Viewer(bool All, Guid? Owner)
    {
        public static Viewer Of(ClaimsPrincipal user) => new(user.IsAdmin(), user.SellerId());
    }

    /// <summary>The totals of a seller and category are in the order of these three.</summary>
    public sealed record Position(Guid SellerId, string Currency, string Category)
    {
        public static string Of(Guid sellerId, string currency, string category) =>
            $"{sellerId:N}|{currency}|{category}";

        public static Position? Parse(string cursor) =>
            // PostgreSQL's text holds every character but NUL.
            Decode(cursor) is { } text && !text.Contains('\0')
            && text.Split('|', 3) is [var seller, var currency, var category]
            && Guid.TryParseExact(seller, "N", out var sellerId)
                ? new(sellerId, currency, category)
                : null;
    }

    public static string Encode(string position) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(position));

    public static string? Decode(string cursor) =>
        Base64Url.IsValid(cursor) ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)) : null;

    public static async Task<List<T>> ReadAsync<T>(
        Database<PaymentsDb> database, string sql, object parameters, CancellationToken ct)
    {
        await using var connection = await database.Source.OpenConnectionAsync(ct);
        return (await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: ct))).AsList();
    }
}
