using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Shop.ServiceDefaults.Idempotency;

/// <summary>
/// The <c>Idempotency-Key</c> of a request (draft-ietf-httpapi-idempotency-key-header), in the scope of its user and
/// operation, with the fingerprint of what was asked. The id of the resource that the request makes is derived from
/// all four, so that a rerun is the same order, payment or refund for everybody downstream.
/// </summary>
/// <param name="StoredKey">Operation and key, as kept in the resource's row UNIQUE with its user.</param>
/// <param name="Fingerprint">SHA-256 of the parsed body and the ids of the path.</param>
/// <param name="ResourceId">A version 8 UUID (RFC 9562), equal for equal user, operation, key and fingerprint.</param>
public sealed record IdempotencyKey(string StoredKey, byte[] Fingerprint, Guid ResourceId)
{
    public const string Header = "Idempotency-Key";

    /// <summary>Set to <c>true</c> on an answer that was stored earlier.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    public const int MaxLength = 255;

    /// <summary>
    /// Reads the key of a request. Null and no problem: there is none. The header's value may be a quoted string of
    /// RFC 8941, as the draft asks, or bare, as most clients send it.
    /// </summary>
    /// <param name="operation">The route template, such as <c>POST /payments</c>: part of the scope.</param>
    /// <param name="body">The parsed request: equal bodies give equal fingerprints whatever their white space.</param>
    /// <param name="problem">Why the header is unusable, for a 400.</param>
    public static IdempotencyKey? Read<TBody>(
        HttpContext http, Guid userId, string operation, TBody body, out string? problem, params Guid[] pathIds)
    {
        problem = null;
        if (!http.Request.Headers.TryGetValue(Header, out var values)) return null;

        var key = values.Count == 1 ? Unquote(values[0] ?? "") : "";
        if (key.Length is 0 or > MaxLength || key.Any(c => c is < ' ' or > '~'))
        {
            problem = $"{Header} must be one value of 1 to {MaxLength} printable ASCII characters.";
            return null;
        }

        return Of(userId, operation, key, body, pathIds);
    }

    public static IdempotencyKey Of<TBody>(
        Guid userId, string operation, string key, TBody body, params Guid[] pathIds)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(body, JsonSerializerOptions.Web);
        var fingerprint = SHA256.HashData([.. pathIds.SelectMany(id => id.ToByteArray()), .. json]);
        var storedKey = $"{operation}:{key}";
        return new(storedKey, fingerprint, DerivedId.From(userId, storedKey, Convert.ToHexString(fingerprint)));
    }

    public bool HasFingerprint(byte[] other) => Fingerprint.AsSpan().SequenceEqual(other);

    private static string Unquote(string value) =>
        value.Length >= 2 && value[0] == '"' && value[^1] == '"' ? value[1..^1] : value;
}

/// <summary>Ids computed from what they stand for, so that asking twice is asking for the same thing.</summary>
public static class DerivedId
{
    /// <summary>A version 8 UUID (RFC 9562) of the SHA-256 of the scope and the names, each with its length.</summary>
    public static Guid From(Guid scope, params ReadOnlySpan<string> names)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(scope.ToByteArray(bigEndian: true));
        Span<byte> length = stackalloc byte[4];
        foreach (var name in names)
        {
            var bytes = Encoding.UTF8.GetBytes(name);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        Span<byte> digest = stackalloc byte[32];
        hash.GetHashAndReset(digest);
        digest[6] = (byte)((digest[6] & 0x0F) | 0x80);
        digest[8] = (byte)((digest[8] & 0x3F) | 0x80);
        return new Guid(digest[..16], bigEndian: true);
    }
}
