using System.Buffers.Text;
using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Problems;

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

    /// <summary>One page of the totals of a period by seller and category, as it was asked for.</summary>
    public sealed record Totals(Guid? Seller, string? Category, string? Cursor, int Limit)
    {
        private readonly Position? _after = Cursor is null ? null : Position.Parse(Cursor);

        /// <summary>What is malformed about it; null: nothing.</summary>
        public ProblemHttpResult? Refusal =>
            Category?.Contains('\0') == true ? Problems.Invalid("category", "This is no category.")
            : Page.Refusal(Limit, cursor: null) is { } refusal ? refusal
            : Cursor is not null && _after is null ? Problems.Invalid("cursor", "This is no cursor of this list.")
            : null;

        /// <param name="period">The day, or the first one of the month; null: of now.</param>
        public object Parameters(DateOnly? period, ClaimsPrincipal user, PaymentsOptions options, TimeProvider clock)
        {
            var viewer = Viewer.Of(user);
            return new
            {
                period,
                now = clock.GetUtcNow(),
                options.SettlementTimeZone,
                viewer.All,
                viewer.Owner,
                Seller,
                Category,
                after = _after?.SellerId,
                afterCurrency = _after?.Currency,
                afterCategory = _after?.Category,
                take = Limit + 1,
            };
        }
    }

    public static string Encode(string position) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(position));

    public static string? Decode(string cursor) =>
        Base64Url.IsValid(cursor) ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)) : null;
}
