using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.ServiceDefaults.Cards;

namespace Shop.Ordering.Orders;

/// <summary>
/// What a buyer asks for in <see cref="PlaceOrder"/>, checked: 1 to <see cref="MaxLines"/> lines, no product twice,
/// 1 to <see cref="MaxQuantity"/> units each (with the largest price the sum still fits 64 bits). Both forms of the
/// request become the same placement, so that they share one fingerprint.
/// </summary>
internal sealed record Placement(
    IReadOnlyList<Placement.Line> Lines, Guid? CouponId, bool CouponRequired, string? ShippingAddress,
    Placement.PaymentTerms? Payment)
{
    public const int MaxLines = 100;
    public const int MaxQuantity = 10_000;
    private const int MaxAddressLength = 4_000;

    // Private, so no part of the fingerprint: the same request in another form.
    private bool IsShort { get; init; }

    /// <summary>What the request called the product of this line.</summary>
    public string ProductField(int line) => IsShort ? "productId" : $"lines[{line}].productId";

    internal sealed record Line(Guid ProductId, int Quantity);

    // What a method does not use is left out, so that the fingerprints of card payments stay what they were.
    internal sealed record PaymentTerms(
        string Method,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? CardToken,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Points)
    {
        /// <summary>Why the points do not fit an order of this total, or null.</summary>
        public string? Misfit(long total) => PaymentMethods.PointsComplaint(Method, Points, total);
    }

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
            : new(lines, couponId, request.CouponRequired ?? true, address, payment) { IsShort = isShort };
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

    private static PaymentTerms? ShortPayment(
        PlaceOrder.Request request, bool isDevelopment, Dictionary<string, string[]> errors)
    {
        switch (request.PaymentMethod)
        {
            case null:
                return null;
            case PaymentMethods.Points:
                return new(PaymentMethods.Points, null, null);
            // The short form has no room for a token; only a developer's machine has one that always works.
            case PaymentMethods.Card when isDevelopment:
                return new(PaymentMethods.Card, "tok_ok", null);
            case PaymentMethods.Card or PaymentMethods.Split:
                errors["paymentMethod"] = ["This method needs payment.cardToken: use the full form."];
                return null;
            default:
                errors["paymentMethod"] = [$"Allowed: {PaymentMethods.Card}, {PaymentMethods.Points}."];
                return null;
        }
    }

    private static PaymentTerms? FullPayment(PlaceOrder.PaymentRequest? payment, Dictionary<string, string[]> errors)
    {
        if (payment is null) return null;

        var complaints = PaymentMethods.Complaints(payment.Method, payment.CardToken, payment.Points);
        foreach (var (field, messages) in complaints) errors[$"payment.{field}"] = messages;
        if (complaints.Count > 0) return null;

        var points = payment.Method == PaymentMethods.Card ? null : payment.Points;
        return new(payment.Method!, payment.CardToken, points);
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
            catch (JsonException)
            {
                // Half a surrogate pair is no text: refused like any other bad address.
            }
        }

        errors["shippingAddress"] = [$"The address is an object or a text of up to {MaxAddressLength} characters."];
        return null;
    }
}
