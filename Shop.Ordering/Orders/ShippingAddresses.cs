using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Ordering.Orders;

/// <summary>
/// Seals addresses, each under a key of its own that is sealed under the service's secret. When the secret is replaced
/// only these small keys are sealed anew: the order's row stays as it was agreed. In a request's fingerprint an address
/// stands as a keyed hash, since a plain one could be guessed at.
/// </summary>
internal sealed partial class ShippingAddresses : BackgroundService
{
    private const string FingerprintKey = "address-fingerprint";
    private const string Purpose = "shipping-address";
    private const int KeyLength = 32;
    private const int MinSecretLength = 22;
    private const int Batch = 500;

    private const string PageSql = """
        select order_id, sealed from address_keys where order_id > @After order by order_id limit @Batch
        """;

    private const string ResealSql = """
        update address_keys set sealed = @New where order_id = @OrderId and sealed = @Old
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    private readonly Database<OrderingDb> _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<ShippingAddresses> _log;
    private readonly KeyRing _addresses;
    private readonly KeyRing _stable;
    private readonly bool _hasFormer;
    private byte[]? _fingerprintKey;

    public ShippingAddresses(
        Database<OrderingDb> database, OrderingOptions options, TimeProvider clock, ILogger<ShippingAddresses> log)
    {
        if (options.KeyEncryptionKey.Length < MinSecretLength)
        {
            throw new InvalidOperationException(
                $"{OrderingOptions.Section}:KeyEncryptionKey needs {MinSecretLength} characters or more.");
        }

        (_database, _clock, _log) = (database, clock, log);
        _addresses = new(options.KeyEncryptionKey, options.FormerKeyEncryptionKeys, Purpose);
        _stable = new(options.KeyEncryptionKey, options.FormerKeyEncryptionKeys, "stable-keys");
        _hasFormer = options.FormerKeyEncryptionKeys.Length > 0;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _fingerprintKey = await StableKey.ReadAsync(
            _database, _stable, FingerprintKey, () => RandomNumberGenerator.GetBytes(KeyLength), cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>The placement as its fingerprint is taken of: equal for equal addresses, and telling none.</summary>
    public Placement Hide(Placement placement) => placement.ShippingAddress is not { } address
        ? placement
        : placement with
        {
            ShippingAddress = Convert.ToHexStringLower(HMACSHA256.HashData(
                _fingerprintKey ?? throw new InvalidOperationException("The fingerprints' key was not read yet."),
                Encoding.UTF8.GetBytes(address))),
        };

    public SealedAddress Seal(Guid orderId, string address)
    {
        var key = RandomNumberGenerator.GetBytes(KeyLength);
        var ring = new KeyRing(Convert.ToBase64String(key), [], Purpose);
        var text = Convert.ToBase64String(ring.Seal(Encoding.UTF8.GetBytes(address), Context(orderId)));
        return new($"\"{text}\"", _addresses.Seal(key, Context(orderId)));
    }

    public string Open(Guid orderId, SealedAddress sealedAddress)
    {
        var key = _addresses.Open(sealedAddress.Key, Context(orderId));
        var ring = new KeyRing(Convert.ToBase64String(key), [], Purpose);
        var box = JsonSerializer.Deserialize<byte[]>(sealedAddress.Json)!;
        return Encoding.UTF8.GetString(ring.Open(box, Context(orderId)));
    }

    /// <summary>One round over all keys; answers how many were sealed anew.</summary>
    internal async Task<int> ResealAsync(CancellationToken ct)
    {
        var (after, resealed) = (Guid.Empty, 0);
        while (true)
        {
            var rows = await _database.TransactAsync(tx => tx.QueryAsync<Row>(PageSql, new { after, Batch }), ct);
            if (rows.Count == 0) return resealed;
            after = rows[^1].OrderId;
            foreach (var row in rows.Where(row => !_addresses.IsCurrent(row.Sealed)))
            {
                var fresh = _addresses.Reseal(row.Sealed, Context(row.OrderId));
                resealed += await _database.TransactAsync(
                    tx => tx.ExecuteAsync(ResealSql, new { row.OrderId, Old = row.Sealed, New = fresh }), ct);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_hasFormer) return;
        using var timer = new PeriodicTimer(Pause, _clock);
        do
        {
            try
            {
                Resealed(_log, await ResealAsync(stoppingToken));
            }
            catch (Exception e) when (e is NpgsqlException or DatabaseBusyException or TimeoutException)
            {
                // What was sealed anew stays so; the next round goes on.
                Failed(_log, e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static string Context(Guid orderId) => $"{orderId:N}/address";

    [LoggerMessage(LogLevel.Information, "Sealed the keys of {Addresses} addresses anew under the current secret")]
    private static partial void Resealed(ILogger log, int addresses);

    [LoggerMessage(LogLevel.Warning, "Sealing the keys of addresses anew was interrupted and goes on later")]
    private static partial void Failed(ILogger log, Exception exception);

    private sealed record Row(Guid OrderId, byte[] Sealed);
}

/// <param name="Json">What the order's row keeps: a JSON text of Base64.</param>
/// <param name="Key">What opens it, itself sealed.</param>
internal sealed record SealedAddress(string Json, byte[] Key);
