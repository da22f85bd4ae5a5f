using System.Security.Cryptography;
using System.Text;

namespace Shop.ServiceDefaults.PersonalData;

/// <summary>
/// AES-256-GCM under keys derived from configured secrets, one key per secret and purpose. The current key seals; every
/// key opens what it sealed, so that a secret can be replaced while old values are still there. A sealed value is a
/// version byte, the id of its key, a nonce, the tag and the ciphertext. The context is authenticated and not stored: a
/// value copied into another row or column does not open there.
/// </summary>
public sealed class KeyRing
{
    private const byte Version = 1;
    private const int KeyIdLength = 4;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int KeyLength = 32;
    private const int HeaderLength = 1 + KeyIdLength + NonceLength + TagLength;

    private readonly Key _current;
    private readonly Key[] _all;

    /// <param name="current">The secret that new values are sealed under.</param>
    /// <param name="former">Secrets that it replaced and under which there may still be values.</param>
    /// <param name="purpose">Part of each key, so that one secret serves several purposes.</param>
    public KeyRing(string current, IEnumerable<string> former, string purpose)
    {
        _current = Key.Of(current, purpose);
        _all = [_current, .. former.Select(secret => Key.Of(secret, purpose))];
    }

    /// <summary>Another key from the same secret, for what is not encryption.</summary>
    public static byte[] Derive(string secret, string purpose, int length = KeyLength) =>
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), length, info: Encoding.UTF8.GetBytes(purpose));

    public byte[] Seal(ReadOnlySpan<byte> plain, string context)
    {
        var box = new byte[HeaderLength + plain.Length];
        box[0] = Version;
        _current.Id.CopyTo(box.AsSpan(1));
        var nonce = box.AsSpan(1 + KeyIdLength, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_current.Bytes, TagLength);
        aes.Encrypt(
            nonce, plain, box.AsSpan(HeaderLength), box.AsSpan(HeaderLength - TagLength, TagLength),
            Encoding.UTF8.GetBytes(context));
        return box;
    }

    /// <exception cref="CryptographicException">No key of this ring, another context, or a changed value.</exception>
    public byte[] Open(ReadOnlySpan<byte> box, string context)
    {
        if (box.Length < HeaderLength || box[0] != Version || KeyOf(box) is not { } key)
        {
            throw new CryptographicException("The value was sealed under a secret that is not configured here.");
        }

        var plain = new byte[box.Length - HeaderLength];
        using var aes = new AesGcm(key.Bytes, TagLength);
        aes.Decrypt(
            box.Slice(1 + KeyIdLength, NonceLength), box[HeaderLength..],
            box.Slice(HeaderLength - TagLength, TagLength), plain, Encoding.UTF8.GetBytes(context));
        return plain;
    }

    /// <summary>Whether the value is sealed under the current key, so that no former one is needed for it.</summary>
    public bool IsCurrent(ReadOnlySpan<byte> box) =>
        box.Length >= HeaderLength && box.Slice(1, KeyIdLength).SequenceEqual(_current.Id);

    /// <summary>The same value under the current key.</summary>
    public byte[] Reseal(ReadOnlySpan<byte> box, string context) => Seal(Open(box, context), context);

    private Key? KeyOf(ReadOnlySpan<byte> box)
    {
        foreach (var key in _all)
        {
            if (box.Slice(1, KeyIdLength).SequenceEqual(key.Id)) return key;
        }

        return null;
    }

    private sealed record Key(byte[] Id, byte[] Bytes)
    {
        public static Key Of(string secret, string purpose) =>
            new(Derive(secret, purpose + ":id", KeyIdLength), Derive(secret, purpose));
    }
}
