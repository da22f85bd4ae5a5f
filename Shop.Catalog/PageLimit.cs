using System.Globalization;

namespace Shop.Catalog;

/// <summary>The <c>limit</c> of a list, given as text.</summary>
internal static class PageLimit
{
    public static int Parse(string? text, int standard, int max, FieldErrors errors)
    {
        if (text is null) return standard;
        var parsed = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit);
        errors.Require(parsed && limit >= 1 && limit <= max, "limit", $"a number from 1 to {max}");
        return limit;
    }
}
