using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Auditing;
using Shop.ServiceDefaults.Authentication;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Problems;

namespace Shop.Ordering.Shipments;

/// <summary>
/// A seller (or an admin) says that the shipment has left, then that it has arrived; the last one to arrive completes
/// the order. Decided under the order's lock, against refunds and cancelling of the same order. Repeating is harmless.
/// </summary>
internal static class MoveShipment
{
    private const string ShipmentsSql = "select * from shipments where order_id = @OrderId";

    // Until the refund has ended nobody knows how many units there are to send.
    private const string FrozenSql = """
        select exists (
            select from refund_attempts a
              join refund_attempt_lines r on r.refund_id = a.refund_id
              join order_lines l on l.order_id = a.order_id and l.product_id = r.product_id
             where a.order_id = @OrderId and a.status = 'REQUESTED' and l.seller_id = @SellerId)
        """;

    private const string ShipSql = """
        update shipments set status = 'SHIPPED', shipped_at = @Now where id = @ShipmentId and status = 'REQUESTED'
        """;

    private const string DeliverSql = """
        update shipments set status = 'DELIVERED', delivered_at = @Now where id = @ShipmentId and status = 'SHIPPED'
        """;

    private const string TouchSql = """
        with touched as (
            update orders set version = version + 1, status = @Next, updated_at = @Now
             where id = @OrderId and status = @Status
            returning id, status, version
        )
        insert into order_transitions (order_id, version, status, cause, trace_id, at)
        select id, version, status, @Cause, @TraceId, @Now from touched
        returning version
        """;

    public static Task<Results<Ok<OrderView.Shipment>, ProblemHttpResult>> Ship(
        Guid id, Guid shipmentId, ClaimsPrincipal user, Database<OrderingDb> database, CancellationToken ct) =>
        MoveAsync(id, shipmentId, Shipment.Shipped, user, database, ct);

    public static Task<Results<Ok<OrderView.Shipment>, ProblemHttpResult>> Deliver(
        Guid id, Guid shipmentId, ClaimsPrincipal user, Database<OrderingDb> database, CancellationToken ct) =>
        MoveAsync(id, shipmentId, Shipment.Delivered, user, database, ct);

    /// <summary>What a move means for a shipment in this state, in an order that wants its goods or not.</summary>
    internal static MoveVerdict Decide(string status, string move, bool wanted) => (status, move) switch
    {
        (Shipment.Requested, Shipment.Shipped) => wanted ? MoveVerdict.Done : MoveVerdict.NotWanted,
        (Shipment.Shipped, Shipment.Delivered) => MoveVerdict.Done,
        (Shipment.Shipped or Shipment.Delivered, Shipment.Shipped) => MoveVerdict.AlreadyDone,
        (Shipment.Delivered, Shipment.Delivered) => MoveVerdict.AlreadyDone,
        (Shipment.Requested, Shipment.Delivered) => MoveVerdict.NotShipped,
        (Shipment.Cancelled, Shipment.Shipped or Shipment.Delivered) => MoveVerdict.NotWanted,
        _ => throw new ArgumentOutOfRangeException(nameof(move), $"{status} -> {move}", null),
    };

    private static async Task<Results<Ok<OrderView.Shipment>, ProblemHttpResult>> MoveAsync(
        Guid orderId, Guid shipmentId, string move, ClaimsPrincipal user, Database<OrderingDb> database,
        CancellationToken ct)
    {
        // An admin moves every shipment, a seller its own; a seller's token without a seller moves none.
        Guid? sellerId = user.IsAdmin() ? null : user.SellerId() ?? Guid.Empty;
        // Dying after the commit: the events are in the outbox.
        var (verdict, shipment) = await database.TransactAsync(
            async tx =>
            {
                var moved = await RunAsync(tx, orderId, shipmentId, sellerId, move);
                if (moved.Verdict == MoveVerdict.Done)
                {
                    await tx.AuditAdminAsync(user, $"move shipment: {move}", $"shipment {shipmentId}");
                }

                return moved;
            },
            ct);
        return verdict switch
        {
            MoveVerdict.Done => TypedResults.Ok(new OrderView.Shipment(shipmentId, shipment!.SellerId, move)),
            MoveVerdict.AlreadyDone =>
                TypedResults.Ok(new OrderView.Shipment(shipmentId, shipment!.SellerId, shipment.Status)),
            MoveVerdict.NotShipped => Problems.Conflict("shipment-not-shipped", "This shipment has not left yet."),
            MoveVerdict.RefundPending => Problems.Conflict(
                "shipment-refund-pending", "Units of this shipment are being refunded: try again when that has ended."),
            MoveVerdict.NotWanted => Problems.Conflict(
                "shipment-not-wanted", "This order was cancelled or refunded: nothing is to be sent."),
            _ => Problems.NotFound(),
        };
    }

    private static async Task<(MoveVerdict? Verdict, Shipment? Shipment)> RunAsync(
        Transaction<OrderingDb> tx, Guid orderId, Guid shipmentId, Guid? sellerId, string move)
    {
        if (await OrderRows.LockAsync(tx, orderId) is not { } order) return (null, null);
        var shipments = await tx.QueryAsync<Shipment>(ShipmentsSql, new { OrderId = orderId });
        var shipment = shipments.SingleOrDefault(s => s.Id == shipmentId);
        if (shipment is null || (sellerId is not null && shipment.SellerId != sellerId)) return (null, null);

        var wanted = !order.CancelRequested && order.Status is OrderStatus.Paid or OrderStatus.PartiallyRefunded;
        var verdict = Decide(shipment.Status, move, wanted);
        if (verdict != MoveVerdict.Done) return (verdict, shipment);
        if (move == Shipment.Shipped
            && await tx.QuerySingleOrDefaultAsync<bool>(FrozenSql, new { OrderId = orderId, shipment.SellerId }))
        {
            return (MoveVerdict.RefundPending, shipment);
        }

        var sql = move == Shipment.Shipped ? ShipSql : DeliverSql;
        if (await tx.ExecuteAsync(sql, new { ShipmentId = shipmentId, tx.Now }) != 1)
        {
            throw new InvalidOperationException($"Shipment {shipmentId} changed under its order's lock.");
        }

        var isLast = move == Shipment.Delivered && shipments.All(
            s => s.Id == shipmentId || s.Status is Shipment.Delivered or Shipment.Cancelled);
        await RecordAsync(tx, order, shipment, move, isLast);
        return (verdict, shipment);
    }

    private static async Task RecordAsync(
        Transaction<OrderingDb> tx, Order order, Shipment shipment, string move, bool isLast)
    {
        // An order that was refunded while its goods were on the way stays so.
        var decision = isLast ? order.Decide(new OrderCommand.DeliverAll()) : new(OrderVerdict.Refused, order.Status);
        var version = OrderRows.Changed(await tx.QuerySingleOrDefaultAsync<long?>(TouchSql, new
        {
            OrderId = order.Id, Status = order.StatusText, Next = decision.Next.ToText(), OrderRows.TraceId, tx.Now,
            Cause = move == Shipment.Shipped ? "shipped" : "delivered",
        }));
        if (move == Shipment.Shipped)
        {
            tx.Publish(new OrderShipped(order.Id, shipment.Id, shipment.SellerId, tx.Now), version);
        }
        else
        {
            tx.Publish(new OrderDelivered(order.Id, shipment.Id, shipment.SellerId, tx.Now), version);
        }

        if (decision.Verdict == OrderVerdict.Done) tx.Publish(new OrderCompleted(order.Id, tx.Now), version);
    }

    internal enum MoveVerdict
    {
        Done,

        /// <summary>It is there or further already.</summary>
        AlreadyDone,

        /// <summary>It cannot arrive before it has left.</summary>
        NotShipped,

        /// <summary>A refund of some of its units is under way: it is not known yet what there is to send.</summary>
        RefundPending,

        /// <summary>Its order was cancelled or its lines refunded.</summary>
        NotWanted,
    }
}
