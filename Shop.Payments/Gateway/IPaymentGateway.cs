namespace Shop.Payments.Gateway;

/// <summary>
/// The card processor. Everything goes by the key that the shop chose, so that asking twice is asking once. No method
/// throws for what the processor or the network does: not knowing is a result.
/// </summary>
public interface IPaymentGateway
{
    /// <summary>Takes the money. A key that was voided is answered <see cref="ChargeResult.Declined"/>.</summary>
    Task<ChargeResult> ChargeAsync(Charge charge, CancellationToken ct);

    /// <summary>What became of a charge.</summary>
    Task<ChargeResult> FindChargeAsync(Guid key, CancellationToken ct);

    /// <summary>Makes sure that nothing is captured under the key from now on, or learns that it was.</summary>
    Task<VoidResult> VoidAsync(Guid key, CancellationToken ct);

    /// <summary>Gives money of a charge back.</summary>
    Task<RefundResult> RefundAsync(Guid chargeKey, Guid refundKey, long amount, CancellationToken ct);
}

/// <summary>What to take, in minor units.</summary>
public sealed record Charge(Guid Key, long Amount, string Currency, string CardToken);

public abstract record ChargeResult
{
    private ChargeResult()
    {
    }

    /// <summary>The money was taken.</summary>
    public sealed record Captured(long Amount) : ChargeResult;

    /// <summary>It was not, and never will be under this key.</summary>
    public sealed record Declined(string Reason) : ChargeResult;

    /// <summary>The processor has never heard of the key. A charge on its way may still arrive.</summary>
    public sealed record NotKnown : ChargeResult;

    /// <summary>No answer, or none that decides.</summary>
    public sealed record Unknown(string Why) : ChargeResult;
}

public abstract record VoidResult
{
    private VoidResult()
    {
    }

    public sealed record Voided : VoidResult;

    public sealed record AlreadyCaptured : VoidResult;

    public sealed record Unknown(string Why) : VoidResult;
}

public abstract record RefundResult
{
    private RefundResult()
    {
    }

    public sealed record Refunded : RefundResult;

    /// <summary>The processor said no.</summary>
    public sealed record Refused(string Reason) : RefundResult;

    public sealed record Unknown(string Why) : RefundResult;
}
