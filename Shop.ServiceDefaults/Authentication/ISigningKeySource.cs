namespace Shop.ServiceDefaults.Authentication;

/// <summary>
/// Where the published signing keys come from: Identity's JWKS address, except in Identity, which has them at hand and
/// registers its own source.
/// </summary>
public interface ISigningKeySource
{
    /// <summary>The JSON Web Key Set (RFC 7517) of now.</summary>
    Task<string> ReadAsync(CancellationToken ct);
}
