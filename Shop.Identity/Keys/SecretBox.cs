using System.Security.Cryptography;
using System.Text;

namespace Shop.Identity.Keys;

/// <summary>
/// AES-256-GCM under a key derived from the configured secret, one per purpose. A sealed value is a version byte, the
/// id of its key (so that a later key can live beside it), a nonce, the tag and the ciphertext. The context is
/// authenticated and not stored: a value copied into another row or column does not open there.
/// </summary>
internal sealed class SecretBox
{
    private const byte Version = 1;
    private const int KeyIdLength = 4;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int HeaderLength = 1 + KeyIdLength + NonceLength + TagLength;

    private readonly byte[] _key;
    private readonly byte[] _keyId;

    public SecretBox(string secret, string purpose)
    {
        _key = Derive(secret, purpose, 32);
        _keyId = Derive(secret, purpose + ":id", KeyIdLength);
    }

    /// <summary>Another key from the same secret, for what is not encryption.</summary>
    public static byte[] Derive(string secret, string purpose, int length) =>
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), length, info: Encoding.UTF8.GetBytes(purpose));

    public byte[] Seal(ReadOnlySpan<byte> plain, string context)
    {
        var box = new byte[HeaderLength + plain.Length];
        box[0] = Version;
        _keyId.CopyTo(box.AsSpan(1));
        var nonce = box.AsSpan(1 + KeyIdLength, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_key, TagLength);
        aes.Encrypt(
            nonce, plain, box.AsSpan(HeaderLength), box.AsSpan(HeaderLength - TagLength, TagLength),
            Encoding.UTF8.GetBytes(context));
        return box;
    }

    /// <exception cref="CryptographicException">Another key, another context, or a changed value.</exception>
    public byte[] Open(ReadOnlySpan<byte> box, string context)
    {
        if (box.Length < HeaderLength || box[0] != Version || !box.Slice(1, KeyIdLength).SequenceEqual(_keyId))
        {
            throw new CryptographicException("The value was encrypted under another Identity:KeyEncryptionKey.");
        }

        var plain = new byte[box.Length - HeaderLength];
        using var aes = new AesGcm(_key, TagLength);
        aes.Decrypt(
            box.Slice(1 + KeyIdLength, NonceLength), box[HeaderLength..],
            box.Slice(HeaderLength - TagLength, TagLength), plain, Encoding.UTF8.GetBytes(context));
        return plain;
    }
}
