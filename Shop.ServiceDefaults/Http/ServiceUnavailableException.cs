namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Another service could not be reached, did not answer in time, or is known to be down (breaker open).
/// The exception handler answers it with 503 <c>urn:shop:service-unavailable</c> and Retry-After.
/// </summary>
public sealed class ServiceUnavailableException : Exception
{
    public ServiceUnavailableException(
        string service, TimeSpan retryAfter, bool mayHaveArrived, Exception? cause = null)
        : base($"The service '{service}' is not available.", cause)
    {
        Service = service;
        RetryAfter = retryAfter;
        MayHaveArrived = mayHaveArrived;
    }

    /// <summary>The discovery name of the service, such as <c>catalog</c>.</summary>
    public string Service { get; }

    /// <summary>How long the caller should wait before the next try.</summary>
    public TimeSpan RetryAfter { get; }

    /// <summary>
    /// False where it is certain that the request never left (breaker open, connection refused). True: the other side
    /// may have done what was asked, so ask before compensating.
    /// </summary>
    public bool MayHaveArrived { get; }
}
