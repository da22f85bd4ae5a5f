using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Coupons;

/// <summary>A new coupon, by an admin. What it is worth and how many there are is never changed again.</summary>
internal static class CreateCoupon
{
    private const string Sql = $"""
        insert into coupons (
               id, code, discount_type, amount_minor, percent, cap_minor, minimum_order_minor, products, categories,
               currency, total_quantity, valid_from, valid_until, created_at)
        values (@Id, @Code, @Type, @Amount, @Percent, @Cap, @MinimumOrder, @Products, @Categories,
               @Currency, @TotalQuantity, @ValidFrom, @ValidUntil, @Now)
            on conflict do nothing
        returning {Coupon.Columns}
        """; // 0 rows: somebody has that code.

    public sealed record Request(
        string? Code = null, DiscountRequest? Discount = null, long? MinimumOrder = null,
        IReadOnlyList<string?>? Products = null, IReadOnlyList<string?>? Categories = null, long? TotalQuantity = null,
        DateTimeOffset? ValidFrom = null, DateTimeOffset? ValidUntil = null);

    /// <param name="Type">AMOUNT or PERCENT.</param>
    /// <param name="Cap">With PERCENT: the most that it takes off.</param>
    public sealed record DiscountRequest(
        string? Type = null, long? Amount = null, long? Percent = null, long? Cap = null);

    public static async Task<Results<Created<CouponView>, ProblemHttpResult>> Handle(
        Request request, ClaimsPrincipal user, Database<OrderingDb> database, TimeProvider clock, CancellationToken ct)
    {
        var now = clock.GetUtcNow().ToMicroseconds();
        if (CouponTerms.Parse(request, now, out var errors) is not { } terms) return Problems.Invalid(errors);

        // Dying after the commit: the coupon is there, and asking again says that its code is taken.
        var created = await database.TransactAsync(
            async tx =>
            {
                var coupon = await tx.QuerySingleOrDefaultAsync<Coupon>(Sql, new
                {
                    Id = Guid.CreateVersion7(now), terms.Code, terms.Type, terms.Amount, terms.Percent, terms.Cap,
                    terms.MinimumOrder, terms.Products, terms.Categories, Currency = Order.DefaultCurrency,
                    terms.TotalQuantity, terms.ValidFrom, terms.ValidUntil, Now = now,
                });
                if (coupon is not null) await tx.AuditAdminAsync(user, "create coupon", $"coupon {coupon.Id}");
                return coupon;
            },
            ct);
        return created is null
            ? Problems.Conflict("coupon-code-taken", "There is a coupon with this code.")
            : TypedResults.Created($"/coupons/{created.Id}", CouponView.Of(created));
    }
}
