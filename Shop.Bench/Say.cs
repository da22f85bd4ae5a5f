using System.Globalization;

namespace Shop.Bench;

/// <summary>Lines for who watches, written alike in every country.</summary>
internal static class Say
{
    public static void Line(FormattableString text) =>
        Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
