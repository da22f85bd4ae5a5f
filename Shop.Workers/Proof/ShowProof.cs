using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Proof;

namespace Shop.Workers.Proof;

/// <summary>Runs the proof now. As JSON, or as a table for a terminal that accepts text/plain only.</summary>
internal static class ShowProof
{
    private const string PlainText = "text/plain";

    public static async Task<Results<Ok<ProofReport>, ContentHttpResult>> Handle(
        HttpRequest request, Prover prover, ProofOptions options, CancellationToken ct)
    {
        var report = await prover.RunAsync(options.Parallel, ct);
        return request.Headers.Accept.ToString() == PlainText
            ? TypedResults.Text(Table(report), PlainText)
            : TypedResults.Ok(report);
    }

    internal static string Table(ProofReport report)
    {
        var table = new StringBuilder();
        foreach (var rule in report.Rules)
        {
            table.AppendLine(
                CultureInfo.InvariantCulture, $"{(rule.Holds ? "holds" : "FAILS")} {rule.Checked,9}  {rule.Name}");
            if (rule.Error is not null) table.AppendLine(CultureInfo.InvariantCulture, $"{"",17}{rule.Error}");
            foreach (var (id, facts) in rule.Offenders.Zip(rule.Facts))
            {
                table.AppendLine(CultureInfo.InvariantCulture, $"{"",17}{id}  {facts}");
            }

            var more = rule.Offending - rule.Offenders.Count;
            if (more > 0) table.AppendLine(CultureInfo.InvariantCulture, $"{"",17}and {more} more");
        }

        var broken = report.Rules.Count(rule => !rule.Holds);
        table.AppendLine(broken == 0
            ? string.Create(CultureInfo.InvariantCulture, $"All {report.Rules.Count} rules hold.")
            : string.Create(CultureInfo.InvariantCulture, $"{broken} of {report.Rules.Count} rules do not hold."));
        return table.ToString();
    }
}
