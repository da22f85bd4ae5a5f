using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.ServiceDefaults.Problems;

/// <summary>Where an exception of a request ends: answered as a problem, logged once if it is a bug.</summary>
internal sealed partial class ShopExceptionHandler(
    IEnumerable<IExceptionMapping> mappings, IProblemDetailsService problems, ILogger<ShopExceptionHandler> log)
    : IExceptionHandler
{
    private const int ClientClosedRequest = 499;

    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken ct)
    {
        // The client left: nobody reads an answer, and it is no error of ours.
        if (exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = ClientClosedRequest;
            return true;
        }

        var mapped = mappings.Select(mapping => mapping.Map(exception)).FirstOrDefault(answer => answer is not null);
        if (mapped is null)
        {
            LogBug(exception, context.Request.Method, context.Request.Path);
            mapped = new(Problems.Details(
                StatusCodes.Status500InternalServerError, "internal-error", "Something went wrong on our side."));
        }
        else if (mapped.Problem.Status >= StatusCodes.Status500InternalServerError)
        {
            LogOutage(exception.Message, context.Request.Method, context.Request.Path);
        }

        context.Response.StatusCode = mapped.Problem.Status ?? StatusCodes.Status500InternalServerError;
        if (mapped.RetryAfter is { } pause)
        {
            var seconds = Math.Max(1, (long)Math.Ceiling(pause.TotalSeconds));
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        return await problems.TryWriteAsync(
            new ProblemDetailsContext { HttpContext = context, ProblemDetails = mapped.Problem });
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed.")]
    private partial void LogBug(Exception exception, string method, PathString path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Method} {Path} was answered with 503: {Reason}")]
    private partial void LogOutage(string reason, string method, PathString path);
}
