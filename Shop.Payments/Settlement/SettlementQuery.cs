using System.Buffers.Text;
using System.Security.Claims;
using System.Text;
using Dapper;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;

namespace Shop.Payments.Settlement;

/// <summary>What the three questions about settlement have in common.</summary>
internal static class SettlementQuery
{
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
            Encode($"{sellerId:N}|{currency}|{category}");

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
