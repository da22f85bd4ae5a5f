using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Health;
using Shop.ServiceDefaults.Proof;
using Shop.Workers.Operations;
using Shop.Workers.Proof;

namespace Shop.Workers;

/// <summary>The one route table of the workers.</summary>
internal static class WorkersEndpoints
{
    public static void MapWorkers(this IEndpointRouteBuilder routes)
    {
        var ops = routes.MapGroup("/ops").WithTags("Operations").RequireAuthorization(Policies.Operations);
        ops.MapGet("/outbox", Carriage.GetOutbox).WithName("GetOutbox");
        ops.MapGet("/streams", Carriage.GetStreams).WithName("GetStreams");
        ops.MapGet("/recovery", Recovery.Get).WithName("GetRecovery");
        ops.MapGet("/dead-letters", DeadLetters.List).WithName("ListDeadLetters");
        ops.MapPost("/dead-letters/{id}/replay", DeadLetters.Replay).WithName("ReplayDeadLetter");
        ops.MapPost("/dead-letters/replay", DeadLetters.ReplayAll).WithName("ReplayDeadLetters");
        ops.MapPost("/popularity/rebuild", Operations.Popularity.Rebuild).WithName("RebuildPopularity");
        ops.MapGet("/audit", Audit.List).WithName("ListAudit");

        routes.MapGet("/proof", ShowProof.Handle).WithName("ShowProof").WithTags("Proof")
            .RequireAuthorization(Policies.Operations);
        routes.MapHealthApart(ProofExtensions.CheckName);
    }
}
