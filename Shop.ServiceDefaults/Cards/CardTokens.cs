using System.Text.RegularExpressions;

namespace Shop.ServiceDefaults.Cards;

/// <summary>
/// A card is known to the shop only by the processor's token. A card number is refused before anything else looks at
/// it, and no message repeats what was sent. Every service that takes a token asks here, so that none accepts what the
/// next one refuses.
/// </summary>
public static partial class CardTokens
{
    private const int MinCardDigits = 12;
    private const int MaxCardDigits = 19;

    /// <summary>What is wrong with the token, or null.</summary>
    public static string? Complaint(string? token)
    {
        if (string.IsNullOrEmpty(token)) return "A card token is required.";
        if (LooksLikeCardNumber(token)) return "This looks like a card number. Send the processor's token instead.";
        return Token().IsMatch(token) ? null : "A card token has 1 to 100 letters, digits, '_' or '-'.";
    }

    /// <summary>
    /// True for 12 to 19 digits in a row that pass the Luhn check, wherever they stand and however they are grouped,
    /// and for 12 to 19 digits alone: a mistyped card number is still most of one.
    /// </summary>
    public static bool LooksLikeCardNumber(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var compact = Separators().Replace(text, "");
        foreach (var run in Digits().EnumerateMatches(compact))
        {
            var digits = compact.AsSpan(run.Index, run.Length);
            if (run.Length == compact.Length && run.Length is >= MinCardDigits and <= MaxCardDigits) return true;
            if (ContainsLuhn(digits)) return true;
        }

        return false;
    }

    private static bool ContainsLuhn(ReadOnlySpan<char> digits)
    {
        if (digits.Length <= MaxCardDigits) return digits.Length >= MinCardDigits && PassesLuhn(digits);

        // A longer run is no card number, but one may hide in it with digits around: the usual 16 decide.
        const int Usual = 16;
        for (var start = 0; start + Usual <= digits.Length; start++)
        {
            if (PassesLuhn(digits.Slice(start, Usual)) && digits[start] is '3' or '4' or '5' or '6') return true;
        }

        return false;
    }

    private static bool PassesLuhn(ReadOnlySpan<char> digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[digits.Length - 1 - i] - '0';
            if (i % 2 == 1) digit = digit > 4 ? (digit * 2) - 9 : digit * 2;
            sum += digit;
        }

        return sum % 10 == 0;
    }

    [GeneratedRegex(@"[\s._\-]")]
    private static partial Regex Separators();

    [GeneratedRegex("[0-9]{12,}")]
    private static partial Regex Digits();

    [GeneratedRegex(@"^[A-Za-z0-9_\-]{1,100}\z")]
    private static partial Regex Token();
}
