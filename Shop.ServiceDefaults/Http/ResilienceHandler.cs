using System.Net.Sockets;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Shop.ServiceDefaults.Http;

/// <summary>Sends through the pipeline of the destination and says in one exception that it is not available.</summary>
internal sealed class ResilienceHandler(string service, ServicePipelines pipelines, ServiceHttpOptions limits)
    : DelegatingHandler
{
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(1);

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(ServicePipelines.MayRepeat, request.MayRepeat());
        try
        {
            var response = await pipelines.For(service).ExecuteAsync(
                static (context, state) => state.Handler.AttemptAsync(state.Request, context.CancellationToken),
                context,
                (Handler: this, Request: request));
            if (!ServicePipelines.IsUnavailable(response)) return response;

            var retryAfter = response.Headers.RetryAfter?.Delta ?? DefaultRetryAfter;
            response.Dispose();
            throw new ServiceUnavailableException(service, retryAfter, mayHaveArrived: true);
        }
        catch (BrokenCircuitException open)
        {
            throw new ServiceUnavailableException(
                service, open.RetryAfter ?? DefaultRetryAfter, mayHaveArrived: false, open);
        }
        catch (HttpRequestException failure)
        {
            throw new ServiceUnavailableException(service, DefaultRetryAfter, MayHaveArrived(failure), failure);
        }
        catch (Exception failure) when (failure is TimeoutRejectedException or IOException)
        {
            throw new ServiceUnavailableException(service, DefaultRetryAfter, mayHaveArrived: true, failure);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    // The answer is read here, whole, so that the time limit of an attempt and a repetition cover its body too.
    private async ValueTask<HttpResponseMessage> AttemptAsync(HttpRequestMessage request, CancellationToken ct)
    {
        var response = await SendOnceAsync(request, ct);
        try
        {
            await response.Content.LoadIntoBufferAsync(limits.MaxResponseBytes, ct);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    // A connection that is reset while .NET asks it for its remote address ends in a bare SocketException, and one that
    // is not made in time in a cancellation that nobody asked for: nothing was sent on either. One kind of failure for
    // the breaker, the repetition and the caller.
    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken ct)
    {
        try
        {
            return await base.SendAsync(request, ct);
        }
        catch (Exception failure) when (failure is SocketException || IsConnectTimeout(failure, ct))
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, failure.Message, failure);
        }
    }

    private static bool IsConnectTimeout(Exception failure, CancellationToken ct) =>
        failure is OperationCanceledException { InnerException: TimeoutException } && !ct.IsCancellationRequested;

    private static bool MayHaveArrived(HttpRequestException failure) => failure.HttpRequestError
        is not (HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);
}
