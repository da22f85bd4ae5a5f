namespace Shop.PaymentSandbox.Charges;

/// <summary>
/// Finds what looks like a card number: 12 to 19 digits that satisfy the Luhn check, spaces and dashes between them or
/// not. We want tokens, and a number that is never accepted can never be stored or logged.
/// </summary>
internal static class CardNumbers
{
    private const int MinDigits = 12;
    private const int MaxDigits = 19;

    /// <summary>Whether there is one anywhere in the text.</summary>
    public static bool IsIn(string text)
    {
        Span<int> run = stackalloc int[MaxDigits];
        var length = 0;
        foreach (var c in text)
        {
            if (char.IsAsciiDigit(c))
            {
                if (length == MaxDigits)
                {
                    run[1..].CopyTo(run);
                    length--;
                }

                run[length++] = c - '0';
                for (var digits = MinDigits; digits <= length; digits++)
                {
                    if (IsNumber(run[(length - digits)..length])) return true;
                }
            }
            else if (!IsSeparator(c))
            {
                length = 0;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether the whole text is one. For keys: one UUID in twenty has digits in it that would pass for a number.
    /// </summary>
    public static bool Is(string text)
    {
        if (!text.All(c => char.IsAsciiDigit(c) || IsSeparator(c))) return false;
        int[] digits = [.. text.Where(char.IsAsciiDigit).Select(c => c - '0')];
        return digits.Length is >= MinDigits and <= MaxDigits && IsNumber(digits);
    }

    private static bool IsSeparator(char c) => c is ' ' or '-';

    // No network issues numbers that begin with 0, 1 or 7; times and counters do.
    private static bool IsNumber(ReadOnlySpan<int> digits) => digits[0] is not (0 or 1 or 7) && Luhn(digits);

    private static bool Luhn(ReadOnlySpan<int> digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[^(i + 1)];
            if (i % 2 == 1) digit = digit > 4 ? (digit * 2) - 9 : digit * 2;
            sum += digit;
        }

        return sum % 10 == 0;
    }
}
