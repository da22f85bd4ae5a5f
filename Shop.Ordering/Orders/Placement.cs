using System.Text.Json;
using Shop.ServiceDefaults.Cards;

namespace Shop.Ordering.Orders;

/// <summary>
/// What a buyer asks for in <see cref="PlaceOrder"/>, checked: 1 to <see cref="MaxLines"/> lines, no product twice,
/// 1 to <see cref="MaxQuantity"/> units each (with the largest price the sum still fits 64 bits). Both forms of the
/// request become the same placement, so that they share one fingerprint.
/// </summary>
internal sealed record Placement(
    IReadOnlyList<Placement.Line> Lines, Guid? CouponId, bool CouponRequired, string? ShippingAddress,
    Placement.CardPayment? Payment)
{
    public const int MaxLines = 100;
    public const int MaxQuantity = 10_000;
    private const int MaxAddressLength = 4_000;
    private const string Card = "CARD";

    internal sealed record Line(Guid ProductId, int Quantity);

    internal sealed record CardPayment(string Method, string CardToken);

    /// <summary>The placement, or null and what is wrong with which field.</summary>
    public static Placement? Parse(
        PlaceOrder.Request request, bool isDevelopment, out Dictionary<string, string[]> errors)
    {
        errors = [];
        var isShort = request is { ProductId: not null } or { Quantity: not null } or { PaymentMethod: not null };
        var lines = isShort ? ShortLines(request, errors) : FullLines(request, errors);
        var payment = isShort ? ShortPayment(request, isDevelopment, errors) : FullPayment(request.Payment, errors);
        var couponId = request.CouponId is null ? (Guid?)null : ParseId(request.CouponId, "couponId", errors);
        var address = ParseAddress(request.ShippingAddress, errors);
        return errors.Count > 0
            ? null
            : new(lines, couponId, request.CouponRequired ?? true, address, payment);
    }

    private static Line[] ShortLines(PlaceOrder.Request request, Dictionary<string, string[]> errors)
    {
        if (request.Lines is not null) errors["lines"] = ["Give either lines or the short form, not both."];
        if (request.Payment is not null) errors["payment"] = ["Give either payment or paymentMethod, not both."];
        return [ParseLine(request.ProductId, request.Quantity, "", errors)];
    }

    private static Line[] FullLines(PlaceOrder.Request request, Dictionary<string, string[]> errors)
    {
        if (request.Lines is not { Count: >= 1 and <= MaxLines } asked)
        {
            errors["lines"] = [$"An order has 1 to {MaxLines} lines."];
            return [];
        }

        var lines = new Line[asked.Count];
        var seen = new HashSet<Guid>();
        for (var i = 0; i < lines.Length; i++)
        {
            lines[i] = ParseLine(asked[i]?.ProductId, asked[i]?.Quantity, $"lines[{i}].", errors);
            var field = $"lines[{i}].productId";
            if (!seen.Add(lines[i].ProductId) && !errors.ContainsKey(field))
            {
                errors[field] = ["This product is in another line already."];
            }
        }

        return lines;
    }

    private static Line ParseLine(string? productId, long? quantity, string prefix, Dictionary<string, string[]> errors)
    {
        var id = ParseId(productId, $"{prefix}productId", errors);
        if (quantity is not (>= 1 and <= MaxQuantity))
        {
            errors[$"{prefix}quantity"] = [$"The quantity is a whole number from 1 to {MaxQuantity}."];
            return new(id, 0);
        }

        return new(id, (int)quantity.Value);
    }

    private static Guid ParseId(string? text, string field, Dictionary<string, string[]> errors)
    {
        if (Guid.TryParseExact(text, "D", out var id) && id != Guid.Empty) return id;
        errors[field] = ["This is not an id."];
        return Guid.Empty;
    }

    private static CardPayment? ShortPayment(
        PlaceOrder.Request request, bool isDevelopment, Dictionary<string, string[]> errors)
    {
        if (request.PaymentMethod is null) return null;
        if (request.PaymentMethod != Card)
        {
            errors["paymentMethod"] = [$"Allowed: {Card}."];
            return null;
        }

        // The short form has no room for a token; only a developer's machine has one that always works.
        if (isDevelopment) return new(Card, "tok_ok");
        errors["paymentMethod"] = ["A card payment needs payment.cardToken: use the full form."];
        return null;
    }

    private static CardPayment? FullPayment(PlaceOrder.PaymentRequest? payment, Dictionary<string, string[]> errors)
    {
        if (payment is null) return null;
        if (payment.Method != Card)
        {
            errors["payment.method"] = [$"Allowed: {Card}."];
            return null;
        }

        if (payment.Points is not null) errors["payment.points"] = [$"{Card} takes no points."];
        if (CardTokens.Complaint(payment.CardToken) is not { } complaint) return new(Card, payment.CardToken!);
        errors["payment.cardToken"] = [complaint];
        return null;
    }

    private static string? ParseAddress(JsonElement? address, Dictionary<string, string[]> errors)
    {
        if (address is not { } given || given.ValueKind == JsonValueKind.Null) return null;
        if (given.ValueKind is JsonValueKind.Object or JsonValueKind.String)
        {
            try
            {
                var text = JsonSerializer.Serialize(given);
                // PostgreSQL keeps U+0000 in a json and then can't read it.
                if (text.Length <= MaxAddressLength && !text.Contains("\\u0000", StringComparison.Ordinal)) return text;
            }
            catch (Exception e) when (e is InvalidOperationException or ArgumentException)
            {
                // Half a surrogate pair is no text: refused like any other bad address.
            }
        }

        errors["shippingAddress"] = [$"The address is an object or a text of up to {MaxAddressLength} characters."];
        return null;
    }
}
