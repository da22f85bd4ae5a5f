using System.Text;

namespace Shop.Bench;

/// <summary>
/// The bytes of one buyer's <c>POST /orders</c>, made once. A request only writes a fresh key and its product over the
/// ones of the last.
/// </summary>
internal sealed class OrderRequest
{
    private const int KeyLength = 16;
    private const int IdLength = 36;

    private readonly byte[] _bytes;
    private readonly int _keyAt;
    private readonly int _productAt;
    private readonly byte[][] _products;
    private readonly Random _random;
    private long _sent;

    public OrderRequest(Uri address, string token, IReadOnlyList<Guid> products, int seed)
    {
        var body = $$"""{"lines":[{"productId":"{{Guid.Empty}}","quantity":1}]}""";
        string[] head =
        [
            "POST /orders HTTP/1.1", $"Host: {address.Authority}", $"Authorization: Bearer {token}",
            "Content-Type: application/json", $"Content-Length: {body.Length}",
            $"Idempotency-Key: {new string('0', KeyLength)}", "", body,
        ];
        var text = string.Join("\r\n", head);
        _bytes = Encoding.ASCII.GetBytes(text);
        _keyAt = text.IndexOf("Idempotency-Key: ", StringComparison.Ordinal) + "Idempotency-Key: ".Length;
        _productAt = text.LastIndexOf(Guid.Empty.ToString(), StringComparison.Ordinal);
        _products = [.. products.Select(id => Encoding.ASCII.GetBytes(id.ToString()))];
        _random = new Random(seed);
    }

    public ReadOnlyMemory<byte> Next()
    {
        _sent++;
        if (!_sent.TryFormat(_bytes.AsSpan(_keyAt, KeyLength), out _, "x16"))
        {
            throw new InvalidOperationException("The key has outgrown its place.");
        }

        _products[_random.Next(_products.Length)].CopyTo(_bytes.AsSpan(_productAt, IdLength));
        return _bytes;
    }
}
