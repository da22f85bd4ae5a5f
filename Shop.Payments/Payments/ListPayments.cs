using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// <c>GET /payments?orderId=</c>: the attempts to pay an order, oldest first. A stranger's order has none, like one
/// that nobody has tried to pay.
/// </summary>
internal static class ListPayments
{
    private const int MaxLimit = 100;
    private const int CursorBytes = 24;

    /// <param name="NextCursor">Where the next page starts; null, and written as such, on the last one.</param>
    public sealed record Response(
        IReadOnlyList<GetPayment.Response> Items,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid? orderId, int? limit, string? cursor, ClaimsPrincipal user, PaymentsDb db, CancellationToken ct)
    {
        if (orderId is null) return Problems.Invalid("orderId", "orderId is required.");
        var take = limit ?? MaxLimit;
        if (take is < 1 or > MaxLimit) return Problems.Invalid("limit", $"limit must be 1 to {MaxLimit}.");

        var attempts = GetPayment.SeenBy(db, user).Where(p => p.OrderId == orderId);
        if (cursor is not null)
        {
            if (Parse(cursor) is not var (at, id)) return Problems.Invalid("cursor", "This is no cursor of this list.");
            attempts = attempts.Where(p => p.CreatedAt > at || (p.CreatedAt == at && p.Id > id));
        }

        var found = await attempts.OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Take(take + 1)
            .Select(GetPayment.Shape(db)).ToListAsync(ct);
        var items = found.Take(take).ToList();
        return TypedResults.Ok(new Response(items, found.Count > take ? CursorOf(items[^1]) : null));
    }

    private static string CursorOf(GetPayment.Response last)
    {
        Span<byte> bytes = stackalloc byte[CursorBytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, last.CreatedAt.UtcTicks);
        last.Id.TryWriteBytes(bytes[sizeof(long)..]);
        return Base64Url.EncodeToString(bytes);
    }

    private static (DateTimeOffset At, Guid Id)? Parse(string cursor)
    {
        Span<byte> bytes = stackalloc byte[CursorBytes];
        if (!Base64Url.IsValid(cursor, out var length) || length != CursorBytes) return null;

        Base64Url.DecodeFromChars(cursor, bytes);
        var ticks = BinaryPrimitives.ReadInt64BigEndian(bytes);
        return ticks < 0 || ticks > DateTimeOffset.MaxValue.UtcTicks
            ? null
            : (new DateTimeOffset(ticks, TimeSpan.Zero), new Guid(bytes[sizeof(long)..]));
    }
}
