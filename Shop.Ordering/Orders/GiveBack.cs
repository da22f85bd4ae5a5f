using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Orders;

/// <summary>Gives back what was held for an order that will never be.</summary>
internal sealed partial class GiveBack(
    Database<OrderingDb> database, IServiceProvider services, ILogger<GiveBack> log)
{
    /// <summary>False where the order is there after all: its hold is its own.</summary>
    /// <param name="failure">What kept the order from being stored, if that is why.</param>
    /// <param name="answer">What the request is to hear for ever, if the request is why.</param>
    public async Task<bool> RunAsync(
        Guid orderId, Exception? failure = null, (short Status, string Answer)? answer = null)
    {
        var abandoned = await database.TransactAsync(
            tx => OrderRows.AbandonAsync(tx, orderId, answer), CancellationToken.None);
        if (!abandoned) return false;
        if (failure is not null) NotStored(log, orderId, failure);
        // Dying here leaves a hold whose verdict is settled: Catalog's sweep asks, hears RELEASE and gives it back.
        try
        {
            Crash.At("GiveBack:before-release");
            await services.GetRequiredService<CatalogClient>().ReleaseAsync(orderId, CancellationToken.None);
            Crash.At("GiveBack:after-release");
        }
        catch (Exception e) when (e is ServiceUnavailableException or HttpRequestException)
        {
            LeftToTheSweep(log, orderId, e);
        }

        return true;
    }

    [LoggerMessage(LogLevel.Error, "Order {OrderId} could not be stored and was abandoned")]
    private static partial void NotStored(ILogger log, Guid orderId, Exception e);

    [LoggerMessage(LogLevel.Warning, "The hold of abandoned order {OrderId} is left to Catalog's sweep")]
    private static partial void LeftToTheSweep(ILogger log, Guid orderId, Exception e);
}
