using Shop.ServiceDefaults.Data;

namespace Shop.Ordering.Coupons;

/// <summary>What an admin asks for in <see cref="CreateCoupon"/>, checked. Amounts in minor units.</summary>
internal sealed record CouponTerms(
    string Code, string Type, long? Amount, short? Percent, long? Cap, long? MinimumOrder, Guid[]? Products,
    string[]? Categories, int TotalQuantity, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil)
{
    public const int MaxCodeLength = 64;
    public const long MaxAmount = 1_000_000_000_000;
    public const int MaxTotalQuantity = 10_000_000;
    public const int MaxRestrictions = 100;
    private const int MaxCategoryLength = 60;

    /// <summary>The terms, or null and what is wrong with which field.</summary>
    public static CouponTerms? Parse(
        CreateCoupon.Request request, DateTimeOffset now, out Dictionary<string, string[]> errors)
    {
        errors = [];
        var code = request.Code ?? "";
        if (code.Length is 0 or > MaxCodeLength || !code.All(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            errors["code"] = [$"A code has 1 to {MaxCodeLength} letters, digits, hyphens, underscores or full stops."];
        }

        CheckDiscount(request.Discount, errors);
        if (request.MinimumOrder is not (null or (>= 0 and <= MaxAmount)))
        {
            errors["minimumOrder"] = [$"From 0 to {MaxAmount} minor units."];
        }

        if (request.TotalQuantity is not (>= 1 and <= MaxTotalQuantity))
        {
            errors["totalQuantity"] = [$"A whole number from 1 to {MaxTotalQuantity}."];
        }

        var products = ParseProducts(request.Products, errors);
        var categories = ParseCategories(request.Categories, errors);
        var from = (request.ValidFrom ?? now).ToMicroseconds();
        var until = request.ValidUntil?.ToMicroseconds();
        if (until <= from)
        {
            errors["validUntil"] = [request.ValidFrom is null ? "A time in the future." : "A time after validFrom."];
        }

        if (errors.Count > 0) return null;

        var discount = request.Discount!;
        return new(
            code, discount.Type!, discount.Amount, (short?)discount.Percent, discount.Cap, request.MinimumOrder,
            products, categories, (int)request.TotalQuantity!.Value, from, until);
    }

    private static void CheckDiscount(CreateCoupon.DiscountRequest? discount, Dictionary<string, string[]> errors)
    {
        if (discount is null)
        {
            errors["discount"] = [$"A type, {Coupon.AmountType} or {Coupon.PercentType}, and its amount or percent."];
            return;
        }

        var (isAmount, isPercent) = (discount.Type == Coupon.AmountType, discount.Type == Coupon.PercentType);
        if (!isAmount && !isPercent)
        {
            errors["discount.type"] = [$"Allowed: {Coupon.AmountType}, {Coupon.PercentType}."];
            return;
        }

        if (isAmount && discount.Amount is not (>= 1 and <= MaxAmount))
        {
            errors["discount.amount"] = [$"From 1 to {MaxAmount} minor units."];
        }

        if (isPercent && discount.Percent is not (>= 1 and <= 100))
        {
            errors["discount.percent"] = ["A whole number from 1 to 100."];
        }

        if (isPercent && discount.Cap is not (null or (>= 1 and <= MaxAmount)))
        {
            errors["discount.cap"] = [$"From 1 to {MaxAmount} minor units."];
        }

        if (isPercent && discount.Amount is not null) errors["discount.amount"] = [$"Only with {Coupon.AmountType}."];
        if (isAmount && discount.Percent is not null) errors["discount.percent"] = [$"Only with {Coupon.PercentType}."];
        if (isAmount && discount.Cap is not null) errors["discount.cap"] = [$"Only with {Coupon.PercentType}."];
    }

    private static Guid[]? ParseProducts(IReadOnlyList<string?>? asked, Dictionary<string, string[]> errors)
    {
        if (asked is null || !CheckCount(asked.Count, "products", errors)) return null;
        var products = new Guid[asked.Count];
        for (var i = 0; i < products.Length; i++)
        {
            if (!Guid.TryParseExact(asked[i], "D", out products[i]) || products[i] == Guid.Empty)
            {
                errors[$"products[{i}]"] = ["This is not an id."];
            }
        }

        return [.. products.Distinct()];
    }

    private static string[]? ParseCategories(IReadOnlyList<string?>? asked, Dictionary<string, string[]> errors)
    {
        if (asked is null || !CheckCount(asked.Count, "categories", errors)) return null;
        for (var i = 0; i < asked.Count; i++)
        {
            if (asked[i] is not { Length: >= 1 and <= MaxCategoryLength } category || category.Contains('\0'))
            {
                errors[$"categories[{i}]"] = [$"1 to {MaxCategoryLength} characters."];
            }
        }

        return [.. asked.OfType<string>().Distinct()];
    }

    // An empty list would be a coupon for nothing: who means everything leaves the field out.
    private static bool CheckCount(int count, string field, Dictionary<string, string[]> errors)
    {
        if (count is >= 1 and <= MaxRestrictions) return true;
        errors[field] = [$"1 to {MaxRestrictions}, or leave the field out."];
        return false;
    }
}
