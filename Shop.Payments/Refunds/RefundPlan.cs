using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Refunds;

/// <summary>What somebody asks back: an amount, units of lines, or, with neither, all that is left.</summary>
/// <param name="Amount">With <see cref="IsWhole"/>: what the rest is expected to be, if it was named.</param>
internal sealed record RefundTerms(
    long? Amount, IReadOnlyList<RefundTerms.Units>? Lines, bool IsWhole, bool Restock, string Reason)
{
    internal sealed record Units(Guid ProductId, int Quantity);

    /// <summary>Money alone leaves the goods where they are; all else is first agreed with shipping.</summary>
    public bool ConcernsGoods => IsWhole || Restock || Lines is not null;
}

/// <summary>What a refund would be of a payment as it stands. Pure: looking and deciding are the same.</summary>
internal abstract record RefundPlan
{
    private RefundPlan()
    {
    }

    /// <param name="Lines">What of it falls on which line; none where the payment has no lines.</param>
    public sealed record Granted(long Amount, RefundedLine[] Lines) : RefundPlan;

    public sealed record Refused(string Failure, ProblemHttpResult Problem) : RefundPlan;

    public static RefundPlan Of(Payment payment, IReadOnlyList<PaidLine> lines, RefundTerms terms)
    {
        if (payment.Status != PaymentStatus.Completed)
        {
            return Refuse("payment-not-completed", "Only a payment that was completed can be given back.");
        }

        if (terms.Lines is { } wanted) return OfUnits(payment, lines, wanted);
        if (terms.IsWhole)
        {
            return payment.Left == 0 || (terms.Amount is { } expected && expected != payment.Left)
                ? Exceeds(payment, "Another refund of this payment was faster.")
                : new Granted(payment.Left, RefundShares.OfRest(lines));
        }

        return terms.Amount!.Value > payment.Left
            ? Exceeds(payment, "So much is not left of this payment.")
            : new Granted(
                terms.Amount.Value, lines.Count == 0 ? [] : RefundShares.OfAmount(terms.Amount.Value, lines));
    }

    private static RefundPlan OfUnits(
        Payment payment, IReadOnlyList<PaidLine> lines, IReadOnlyList<RefundTerms.Units> wanted)
    {
        var shares = new List<RefundedLine>(wanted.Count);
        var areFree = true;
        foreach (var units in wanted)
        {
            if (lines.SingleOrDefault(line => line.ProductId == units.ProductId) is not { } line)
            {
                return Refuse(
                    "line-unknown", "This payment was not for that product.", ("productId", units.ProductId));
            }

            if (units.Quantity > line.QuantityLeft)
            {
                return Exceeds(
                    payment, "So many units are not left of a line.",
                    ("productId", line.ProductId), ("quantityLeft", line.QuantityLeft));
            }

            shares.Add(RefundShares.OfUnits(line, units.Quantity));
            areFree &= RefundShares.AreFree(line, units.Quantity);
        }

        var amount = shares.Sum(share => share.Amount);
        if (amount > 0) return new Granted(amount, [.. shares]);

        return areFree
            ? Refuse(
                "units-worth-nothing",
                "What was paid for these units alone is 0, or less than 1: ask for more units, or for an amount.")
            : Exceeds(payment, "All that was paid for these units was given back before.");
    }

    private static Refused Exceeds(Payment payment, string detail, params (string Name, object Value)[] more) =>
        Refuse("refund-exceeds-payment", detail, [("left", payment.Left), .. more]);

    private static Refused Refuse(string slug, string detail, params (string Name, object Value)[] more) => new(
        slug,
        Problems.Of(
            StatusCodes.Status409Conflict, slug, detail,
            more.ToDictionary(field => field.Name, object? (field) => field.Value)));
}
