using System.Globalization;

namespace Shop.Ordering;

/// <summary>
/// Where a page of a list ended that is ordered by time and then id, since an id that is derived from a key says
/// nothing about time.
/// </summary>
internal static class TimeCursor
{
    public static string Of(DateTimeOffset at, Guid id) =>
        string.Create(CultureInfo.InvariantCulture, $"{at.UtcTicks:x}-{id:N}");

    public static (DateTimeOffset At, Guid Id)? Parse(string cursor) =>
        cursor.Split('-') is [var time, var text]
        && long.TryParse(time, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ticks)
        && ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
        && Guid.TryParseExact(text, "N", out var id)
            ? (new DateTimeOffset(ticks, TimeSpan.Zero), id)
            : null;
}
