using System.Text.RegularExpressions;

namespace Shop.PaymentSandbox;

/// <summary>What a key of a charge or a refund may look like: 1 to 255 visible ASCII characters.</summary>
internal static partial class Keys
{
    public const string Pattern = "[!-~]{1,255}";

    public static bool IsValid(string key) => Whole().IsMatch(key);

    [GeneratedRegex($"^{Pattern}\\z")]
    private static partial Regex Whole();
}
