using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Shop.Payments.Webhooks;

internal enum SignatureVerdict
{
    Valid,

    /// <summary>Missing, malformed, or made with another secret.</summary>
    Invalid,

    /// <summary>Well signed, but too long ago or too far ahead: perhaps recorded and sent again.</summary>
    OutsideWindow,
}

/// <summary>
/// <c>Sandbox-Signature: t=unix,v1=hex</c>, where v1 is HMAC-SHA256 of "t.body" under the shared secret. The time is
/// signed too, so an old message can't be given a new one.
/// </summary>
internal static class WebhookSignature
{
    public const string Header = "Sandbox-Signature";

    private const int MacPartLength = 3 + (2 * SHA256.HashSizeInBytes);

    public static SignatureVerdict Verify(
        string? header, ReadOnlySpan<byte> body, string secret, DateTimeOffset now, TimeSpan tolerance)
    {
        if (secret.Length == 0 || !TryParse(header, out var time, out var mac)) return SignatureVerdict.Invalid;
        if (!CryptographicOperations.FixedTimeEquals(Sign(time, body, secret), mac)) return SignatureVerdict.Invalid;

        var age = now.ToUnixTimeSeconds() - (decimal)time;
        return Math.Abs(age) <= (decimal)tolerance.TotalSeconds
            ? SignatureVerdict.Valid
            : SignatureVerdict.OutsideWindow;
    }

    public static byte[] Sign(long time, ReadOnlySpan<byte> body, string secret)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hmac.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{time}.")));
        hmac.AppendData(body);
        return hmac.GetHashAndReset();
    }

    private static bool TryParse(string? header, out long time, out byte[] mac)
    {
        (time, mac) = (0, []);
        var hasTime = false;
        foreach (var part in (header ?? "").Split(',', StringSplitOptions.TrimEntries))
        {
            if (part.StartsWith("t=", StringComparison.Ordinal))
            {
                hasTime = long.TryParse(part.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out time);
            }
            else if (part.StartsWith("v1=", StringComparison.Ordinal) && part.Length == MacPartLength)
            {
                var bytes = new byte[SHA256.HashSizeInBytes];
                var status = Convert.FromHexString(part.AsSpan(3), bytes, out _, out _);
                if (status == System.Buffers.OperationStatus.Done) mac = bytes;
            }
        }

        return hasTime && mac.Length > 0;
    }
}
