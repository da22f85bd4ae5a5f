using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace Shop.Identity.Tokens;

/// <summary>
/// The shop's own services and the internal APIs that each may call: no more than its code does. The secret of each
/// comes from configuration, <c>Clients:{id}:Secret</c>; without one the service gets no token.
/// </summary>
internal sealed class ServiceAccounts(IConfiguration configuration)
{
    private static readonly FrozenDictionary<string, string[]> Scopes = new Dictionary<string, string[]>
    {
        ["catalog"] = ["ordering.internal"],
        ["ordering"] = ["catalog.internal", "payments.internal"],
        ["payments"] = ["ordering.internal"],
        ["workers"] = ["catalog.internal", "ordering.internal", "payments.internal", "ops"],
    }.ToFrozenDictionary();

    private static readonly byte[] NobodysHash = RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes);

    /// <summary>The scopes of the service, or null: unknown, or another secret. Both take the same time.</summary>
    public string[]? Authenticate(string clientId, string secret)
    {
        var scopes = Scopes.GetValueOrDefault(clientId);
        var expected = scopes is null ? null : configuration[$"Clients:{clientId}:Secret"];
        var known = !string.IsNullOrEmpty(expected);
        var expectedHash = known ? SHA256.HashData(Encoding.UTF8.GetBytes(expected!)) : NobodysHash;
        var right = CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(secret)), expectedHash);
        return known && right ? scopes : null;
    }
}
