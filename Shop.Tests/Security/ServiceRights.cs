namespace Shop.Tests.Security;

/// <summary>
/// What each service's role may do, written by hand and apart from the grants files: one line a table, columns in the
/// order of the alphabet. A table that is not here fails the test until somebody has decided.
/// </summary>
internal static class ServiceRights
{
    // In every database.
    private const string Kernel = """
        schema_history: nothing
        outbox: select, insert
        outbox_default: select
        inbox: select, insert
        inbox_default: nothing
        audit_log: select, insert
        leases: select, insert, update (epoch, holder, last_id, renewed_at)
        subscriptions: select, insert, update (since_slot, stream, until_slot)
        group_progress: select, insert, update (whole_until)
        parked_events: select, insert, update (attempts, error), delete
        recovery_counts: select, insert, update (failed, found, last_at, recovered)
        proof_runs: select, insert, update (finished_at, holds, report, seconds)
        """;

    private const string Identity = """
        users: select, insert, update (email, name, password_hash, phone, roles, seller_id, updated_at, version)
        login_failures: select, insert, update (failed_at, failures, locked_until), delete
        refresh_families: select, insert, update (revoked_at), delete
        refresh_tokens: select, insert, update (used_at)
        signing_keys: select, insert, update (private_key_encrypted), delete
        stable_keys: select, insert, update (sealed)
        """;

    private const string Catalog = """
        sellers: select, insert
        products: select, insert, update (category, description, name, status, unit_price, version)
        stock: select, insert, update (on_hand, reserved)
        stock_movements: select, insert
        reservations: select, insert, update (ask_again_at, ended_at, status, version)
        reservation_lines: select, insert, update (given_back)
        restocks: select, insert
        stock_shortages: select, insert
        popularity_orders: select, insert, update (ask_at, counted_at, day, paid_at, user_id)
        popularity_facts: select, insert
        popularity_days: select, insert, update (amount, quantity)
        popularity_pairs: select, insert, update (orders)
        """;

    private const string Ordering = """
        orders: select, insert, update (answer, answer_status, cancel_reason, cancel_requested, payment_id,
          recover_at, restock, status, updated_at, version)
        address_keys: select, insert, update (sealed)
        stable_keys: select, insert, update (sealed)
        order_lines: select, insert
        order_transitions: select, insert
        payment_attempts: select, insert, update (ended_at, failure, status)
        refund_dues: select, insert
        refund_attempts: select, insert, update (ended_at, failure, recover_at, status)
        refund_attempt_lines: select, insert, delete
        shipments: select, insert, update (delivered_at, shipped_at, status)
        coupons: select, insert, update (issued)
        user_coupons: select, insert, update (order_id, status, updated_at, version)
        notifications: select, insert
        webhooks: select, insert, update (failures, resume_at), delete
        webhook_deliveries: select, insert, update (attempts, delivered_at, given_up_at, last_error, next_at), delete
        feed_rows: select, insert, delete
        feed_sender: select, update (failures, last_error, lent_until)
        """;

    private const string Payments = """
        payments: select, insert, update (ask_count, card_captured, card_refunded, failure, next_ask_at,
          points_captured, points_refunded, status, updated_at, version, void_due)
        payment_lines: select, insert, update (refunded_amount, refunded_quantity)
        payment_transitions: select, insert
        refunds: select, insert, update (failure, last_answer, next_try_at, status, try_count, updated_at)
        refund_lines: select, insert
        refund_transitions: select, insert
        points_accounts: select, insert, update (available, entries, held, updated_at)
        points_lots: select, insert, update (available, expired_at, held)
        points_holds: select, insert, update (status, updated_at)
        points_hold_lots: select, insert, update (returned)
        points_entries: select, insert
        ledger_transactions: select, insert
        ledger_entries: select, insert
        seller_fees: select
        refund_shares: select, insert
        settlement_days: select, insert, update (closed_at, status)
        settlement_lines: select, insert
        settlement_statements: select, insert
        """;

    private const string Sandbox = """
        charges: select, insert, update (captured_minor, decided_at, failure_code, refunded_minor, status)
        captures: select, insert
        refunds: select, insert
        outages: select, insert, update (count)
        webhooks: select, insert, update (attempts, delivered_at, given_up_at, last_error, next_at)
        """;

    /// <summary>By table, such as <c>select, insert, update (status)</c>, or <c>nothing</c>.</summary>
    public static IReadOnlyDictionary<string, string> Of(string database)
    {
        var own = database switch
        {
            "identitydb" => Identity,
            "catalogdb" => Catalog,
            "orderingdb" => Ordering,
            "paymentsdb" => Payments,
            "sandboxdb" => Sandbox,
            _ => throw new ArgumentOutOfRangeException(nameof(database), database, "No rights are written for it."),
        };
        // A line that is indented goes on with the one before.
        return $"{Kernel}\n{own}".Replace("\n  ", " ").Split('\n').Select(line => line.Split(": ", 2))
            .ToDictionary(line => line[0], line => line[1]);
    }
}
