using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// One pipeline per destination, shared by all its clients: total time limit, repetition, breaker, time limit of an
/// attempt. The breaker counts attempts, so a service that is down is given up after a few of them.
/// </summary>
internal sealed partial class ServicePipelines(
    IOptionsMonitor<ServiceHttpOptions> options, TimeProvider clock, ILogger<ServicePipelines> log)
{
    internal static readonly ResiliencePropertyKey<bool> MayRepeat = new("shop.may-repeat");
    private readonly ConcurrentDictionary<string, Lazy<ResiliencePipeline<HttpResponseMessage>>> _pipelines = new();

    public ResiliencePipeline<HttpResponseMessage> For(string service) => _pipelines.GetOrAdd(
        service,
        name => new Lazy<ResiliencePipeline<HttpResponseMessage>>(() => Create(name, options.Get(name)))).Value;

    /// <summary>Answers that say "not me, not now": something between, or a service that cannot work.</summary>
    public static bool IsUnavailable(HttpResponseMessage response) => response.StatusCode
        is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    private ResiliencePipeline<HttpResponseMessage> Create(string service, ServiceHttpOptions limits)
    {
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = clock };
        builder.AddTimeout(TimeSpan.FromSeconds(limits.TotalTimeoutSeconds));
        if (limits.RetryCount > 0) builder.AddRetry(Retry(limits));
        builder.AddCircuitBreaker(Breaker(service, limits));
        builder.AddTimeout(TimeSpan.FromSeconds(limits.AttemptTimeoutSeconds));
        return builder.Build();
    }

    private static RetryStrategyOptions<HttpResponseMessage> Retry(ServiceHttpOptions limits) => new()
    {
        MaxRetryAttempts = limits.RetryCount,
        Delay = TimeSpan.FromMilliseconds(limits.RetryPauseMs),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        ShouldHandle = args => ValueTask.FromResult(
            args.Context.Properties.GetValue(MayRepeat, defaultValue: false) && IsFailure(args.Outcome)),
        OnRetry = args =>
        {
            args.Outcome.Result?.Dispose();
            return ValueTask.CompletedTask;
        },
    };

    private CircuitBreakerStrategyOptions<HttpResponseMessage> Breaker(
        string service, ServiceHttpOptions limits) => new()
    {
        FailureRatio = limits.BreakerFailureRatio,
        MinimumThroughput = limits.BreakerFailures,
        SamplingDuration = TimeSpan.FromSeconds(limits.BreakerWindowSeconds),
        BreakDuration = TimeSpan.FromSeconds(limits.BreakerSeconds),
        ShouldHandle = args => ValueTask.FromResult(IsFailure(args.Outcome)),
        OnOpened = args =>
        {
            LogOpened(service, args.BreakDuration.TotalSeconds, args.Outcome.Exception?.Message);
            return ValueTask.CompletedTask;
        },
        OnClosed = _ =>
        {
            LogClosed(service);
            return ValueTask.CompletedTask;
        },
    };

    private static bool IsFailure(Outcome<HttpResponseMessage> outcome) => outcome.Exception is { } exception
        ? exception is HttpRequestException or IOException or TimeoutRejectedException
        : outcome.Result is { } response && IsUnavailable(response);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "{Service} fails: nothing is sent to it for {Seconds} s ({Reason}).")]
    private partial void LogOpened(string service, double seconds, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Service} answers again.")]
    private partial void LogClosed(string service);
}
