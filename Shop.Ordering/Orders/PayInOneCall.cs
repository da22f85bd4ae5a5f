using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Faults;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Ordering.Orders;

/// <summary>
/// The second half of a <c>POST /orders</c> with a payment: start it in Payments under an id derived from the order,
/// then wait for the order's own row to say how it ended. A replay comes here again and meets the same payment.
/// </summary>
internal sealed partial class PayInOneCall(
    Database<OrderingDb> database, IServiceProvider services, OrderWatchService watch, FindPlaced find,
    OrderAnswers answers, OrderingOptions options, ILogger<PayInOneCall> log)
{
    public static Guid PaymentIdOf(Guid orderId) => DerivedId.From(orderId, "payment");

    public async Task<Results<Created<OrderView>, Accepted<OrderView>, ProblemHttpResult>> ResumeAsync(
        Order order, Guid userId, Placement.PaymentTerms payment, CancellationToken ct) =>
        await RunAsync(await answers.ReadAsync(order.Id, ct), userId, payment, ct);

    public async Task<Results<Created<OrderView>, Accepted<OrderView>, ProblemHttpResult>> RunAsync(
        OrderView order, Guid userId, Placement.PaymentTerms payment, CancellationToken ct)
    {
        var mayCome = await StartAsync(order, userId, payment);
        if (mayCome) await watch.WaitAsync(order.Id, TimeSpan.FromSeconds(options.OneCallWaitSeconds), ct);

        var now = await find.RunAsync(order.Id, userId, null, ct)
            ?? throw new InvalidOperationException($"Order {order.Id} is gone.");
        if (now.AnswerStatus is not null) return await answers.StoredAsync(now, ct);
        return TypedResults.Accepted($"/orders/{order.Id}", await answers.ReadAsync(order.Id, ct));
    }

    /// <summary>False where there is nothing to wait for.</summary>
    private async Task<bool> StartAsync(OrderView order, Guid userId, Placement.PaymentTerms payment)
    {
        var paymentId = PaymentIdOf(order.Id);
        var request = new PaymentsClient.NewPayment(
            paymentId, order.Id, userId, payment.Method, payment.CardToken, payment.Points, order.Total, order.Currency,
            [.. order.Lines.Select(line => new PaymentsClient.PayableLine(
                line.ProductId, line.SellerId, line.Category, line.Quantity, line.Amount, line.Discount))]);
        try
        {
            // Dying before the call leaves an order in PAYMENT_PENDING: the recovery sweep asks Payments, which leaves
            // a tombstone for the payment, and the order is cancelled.
            Crash.At("PayInOneCall:before-start");
            var verdict = await services.GetRequiredService<PaymentsClient>()
                .StartAsync(request, CancellationToken.None);
            Crash.At("PayInOneCall:after-start");
            if (verdict == StartVerdict.Started) return true;
            // Final there, so it can be settled here at once; its event will find it done.
            await SettleAsFailedAsync(order.Id, paymentId, verdict);
            return false;
        }
        catch (ServiceUnavailableException e)
        {
            // Unknown outcomes are not compensated: the sweep asks Payments for the truth.
            PaymentsAway(log, order.Id, paymentId, e.MayHaveArrived);
            return e.MayHaveArrived;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The order is stored and its payment may be on its way, so an answer that makes no sense is as unknown as
            // none: it is waited for, and the sweep finds the truth.
            Unclear(log, order.Id, paymentId, e);
            return true;
        }
    }

    private async Task SettleAsFailedAsync(Guid orderId, Guid paymentId, StartVerdict verdict)
    {
        if (verdict == StartVerdict.Failed)
        {
            Crash.At("PayInOneCall:before-ask");
            var state = await services.GetRequiredService<PaymentsClient>()
                .AskAsync(orderId, paymentId, CancellationToken.None);
            Crash.At("PayInOneCall:after-ask");
            await FailAsync(state.Failure ?? "declined");
        }
        else
        {
            await FailAsync(PaymentFailures.Abandoned);
        }

        Task<SettlePayment.Outcome> FailAsync(string failure) => database.TransactAsync(
            tx => SettlePayment.FailAsync(tx, orderId, paymentId, failure, "payment refused", null),
            CancellationToken.None);
    }

    [LoggerMessage(LogLevel.Warning,
        "Payments is away: payment {PaymentId} of order {OrderId} is left to the sweep (may have arrived: {Arrived})")]
    private static partial void PaymentsAway(ILogger log, Guid orderId, Guid paymentId, bool arrived);

    [LoggerMessage(LogLevel.Error, "The start of payment {PaymentId} of order {OrderId} is left to the sweep")]
    private static partial void Unclear(ILogger log, Guid orderId, Guid paymentId, Exception e);
}
