using System.Reflection;
using Shop.Payments.Gateway;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Messaging;
using Shop.Tests.Architecture;

namespace Shop.Tests.Faults;

/// <summary>The catalogue of crash points is the code's: none without a number, no number without its point.</summary>
public sealed class CrashPointTests
{
    private static readonly Assembly[] Assemblies =
    [
        .. Repository.Services.Append("Shop.Workers").Append("Shop.ServiceDefaults").Select(Assembly.Load),
    ];

    [Fact]
    public void Every_crash_point_has_a_number_and_every_number_its_point()
    {
        var inTheCode = Named().Concat(Transactions()).ToHashSet();

        Assert.Empty(inTheCode.Except(CrashPoints.All.Values).Order());
        Assert.Empty(CrashPoints.All.Values.Except(inTheCode).Order());
        Assert.Distinct(CrashPoints.All.Values);
    }

    // A new call without points of its own fails here; its points without numbers above.
    [Fact]
    public void Every_call_to_another_service_or_the_processor_lies_between_two_crash_points()
    {
        var calls = Calls(callee => IsRemote(callee) || IsPoint(callee)).ToArray();

        var bare = calls.Where((call, i) => IsRemote(call.Callee) && !(
            i > 0 && Point(calls[i - 1], call) is { } before && before.Contains(":before-", StringComparison.Ordinal)
            && i < calls.Length - 1 && Point(calls[i + 1], call) is { } after
            && after.Contains(":after-", StringComparison.Ordinal)));

        Assert.Empty(bare.Select(call => $"{call.Caller} calls {call.Callee.Name}"));
        Assert.Contains(calls, call => IsRemote(call.Callee));

        static string? Point(CompiledCall neighbour, CompiledCall call) =>
            neighbour.Caller == call.Caller && IsPoint(neighbour.Callee)
                && neighbour.Literals is [.., var name] ? name : null;
    }

    [Fact]
    public void Every_point_of_the_crash_tests_is_in_the_catalogue()
    {
        var names = CrashPoints.All.Values.ToHashSet();

        Assert.All(PurchaseCrashes.All, crash => Assert.Contains(crash.Catalogued, names));
        Assert.Distinct(PurchaseCrashes.All.Select(crash => (crash.Service, crash.Point)));
    }

    // Reports and the operations' page only look.
    private static bool IsRemote(MethodBase callee) =>
        callee.DeclaringType is { } type
        && (type == typeof(IPaymentGateway) || type.Name is "CatalogClient" or "OrderingClient" or "PaymentsClient")
        && callee.Name.EndsWith("Async", StringComparison.Ordinal);

    private static bool IsPoint(MethodBase callee) =>
        callee.DeclaringType == typeof(Crash) && callee.Name == nameof(Crash.At);

    private static IEnumerable<string> Named() =>
        from call in Calls(IsPoint)
        where !call.Caller.StartsWith(typeof(Crash).FullName!, StringComparison.Ordinal)
        select call.Literals is [var point] ? point : $"{call.Caller} hides the name of its crash point";

    // What its own overload passes on is no slice's transaction.
    private static IEnumerable<string> Transactions() =>
        from call in Calls(callee =>
            callee.DeclaringType is { IsGenericType: true } type
            && type.GetGenericTypeDefinition() == typeof(Database<>)
            && callee.Name == nameof(Database<>.TransactAsync))
        where !call.Caller.StartsWith(typeof(Database<>).FullName!, StringComparison.Ordinal)
        // A delivery names its transaction by its event and group, which only it knows: one call for all of them.
        select call.Caller.StartsWith(typeof(DeliveryHandler<>).FullName!, StringComparison.Ordinal)
            ? CrashPoints.Delivery
            : call.Literals is [.., var file, var member]
            ? $"{Path.GetFileNameWithoutExtension(file)}.{member}"
            : $"{call.Caller} hides the names of its transaction";

    private static IEnumerable<CompiledCall> Calls(Func<MethodBase, bool> wanted) =>
        Assemblies.SelectMany(assembly => CompiledCode.CallsOf(assembly, wanted));
}
