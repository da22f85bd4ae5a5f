using Microsoft.AspNetCore.Mvc;

namespace Shop.ServiceDefaults.Problems;

/// <summary>
/// Says which problem an exception is answered with. Registered as a service by those who know the exception; the
/// first that knows it decides, and what nobody knows is a bug: 500, logged with its stack.
/// </summary>
public interface IExceptionMapping
{
    /// <summary>The answer, or null where this mapping does not know the exception.</summary>
    MappedProblem? Map(Exception exception);
}

/// <summary>An answer, and how long the client should wait before it tries again, if that helps.</summary>
public sealed record MappedProblem(ProblemDetails Problem, TimeSpan? RetryAfter = null);
