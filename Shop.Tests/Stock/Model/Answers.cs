using System.Text.Json;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock.Model;

/// <summary>
/// What an answer comes down to. Null where it says nothing, or where nothing certain can be expected of it.
/// </summary>
/// <param name="State">Of the order, payment, refund or product.</param>
/// <param name="Number">The one figure that matters: see <see cref="Figures"/>.</param>
internal sealed record Seen(
    int Status, string? Problem = null, string? State = null, long? Number = null, bool Replayed = false)
{
    private static readonly string[] Figures = ["remainingStock", "left", "total", "onHand", "available"];

    public static Seen Of(Answer answer)
    {
        var isProblem = (int)answer.Status >= 400;
        long? number = null;
        foreach (var name in Figures)
        {
            if (answer.Body.TryGetProperty(name, out var figure)) number ??= figure.GetInt64();
        }

        var state = !isProblem && answer.Body.TryGetProperty("status", out var status)
            && status.ValueKind == JsonValueKind.String ? status.GetString() : null;
        return new((int)answer.Status, isProblem ? answer.Problem : null, state, number, answer.Replayed);
    }

    /// <summary>Without what the other one does not name.</summary>
    public Seen As(Seen expected) => this with
    {
        State = expected.State is null ? null : State,
        Number = expected.Number is null ? null : Number,
    };
}
