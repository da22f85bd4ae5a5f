namespace Shop.ServiceDefaults.Cards;

/// <summary>
/// How an amount may be paid: by card, in points, or split between the two; a point is one minor unit. Every service
/// that takes a method asks here, so that none accepts what the next one refuses.
/// </summary>
public static class PaymentMethods
{
    public const string Card = "CARD";

    /// <summary>The whole amount in points.</summary>
    public const string Points = "POINTS";

    /// <summary>Some points, at least one, and at least one minor unit by card.</summary>
    public const string Split = "SPLIT";

    /// <summary>The refusal of any other method, with those that are allowed.</summary>
    public const string Allowed = $"Allowed: {Card}, {Points}, {Split}.";

    /// <summary>What is wrong with the terms whatever the amount is, by field; empty where nothing is.</summary>
    public static Dictionary<string, string[]> Complaints(string? method, string? cardToken, long? points)
    {
        var errors = new Dictionary<string, string[]>();
        if (method is not (Card or Points or Split))
        {
            errors["method"] = [Allowed];
            return errors;
        }

        var token = method != Points
            ? CardTokens.Complaint(cardToken)
            : cardToken is null ? null : $"{Points} takes no card token.";
        if (token is not null) errors["cardToken"] = [token];

        var tooFew = method switch
        {
            Card => points is null or 0 ? null : $"{Card} takes no points.",
            Split => points is > 0 ? null : $"{Split} needs points: from 1 to the amount less 1.",
            _ => points is null or > 0 ? null : $"{Points} pays the whole amount: leave points out or give the amount.",
        };
        if (tooFew is not null) errors["points"] = [tooFew];
        return errors;
    }

    /// <summary>What is wrong with the points of terms without other complaints for this amount, or null.</summary>
    public static string? PointsComplaint(string method, long? points, long amount) => (method, points) switch
    {
        (Points, not null) when points != amount => $"{Points} pays the whole amount: {amount}, or leave points out.",
        (Split, _) when amount == 1 => "An amount of 1 can't be split.",
        (Split, _) when points >= amount => $"Allowed: 1 to {amount - 1}.",
        _ => null,
    };

    /// <summary>The two legs of an amount under terms that nothing is wrong with.</summary>
    /// <exception cref="ArgumentException">The points do not fit the amount.</exception>
    public static (long Card, long Points) Legs(string method, long? points, long amount)
    {
        if (PointsComplaint(method, points, amount) is { } complaint) throw new ArgumentException(complaint);

        var leg = method switch
        {
            Points => amount,
            Split => points!.Value,
            _ => 0,
        };
        return (amount - leg, leg);
    }
}
