using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Problems;

namespace Shop.Catalog;

/// <summary>What is wrong with a request, field by field.</summary>
internal sealed class FieldErrors
{
    private readonly Dictionary<string, string[]> _errors = [];

    public bool Any => _errors.Count > 0;

    /// <summary>Notes <paramref name="message"/> unless the rule holds; the first of a field stays.</summary>
    public void Require(bool holds, string field, string message)
    {
        if (!holds) _errors.TryAdd(field, [message]);
    }

    public ProblemHttpResult ToProblem() => Problems.Invalid(_errors);

    public override string ToString() => string.Join("; ", _errors.Select(error => $"{error.Key}: {error.Value[0]}"));
}
