using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Idempotency;
using Shop.ServiceDefaults.Problems;

namespace Shop.Payments.Payments;

/// <summary>
/// What a key was answered with, kept in the row that the answer is about. A stored answer is sent as it was written,
/// to the byte, with <c>Idempotency-Replayed</c>.
/// </summary>
internal sealed record StoredAnswer(int Status, string Json, bool Replayed)
{
    private static readonly string PaymentSql = FindSqlIn("payments");
    private static readonly string RefundSql = FindSqlIn("refunds");

    public static StoredAnswer Of<TBody>(int status, TBody body) =>
        new(status, JsonSerializer.Serialize(body, ShopJson.Options), Replayed: false);

    public static StoredAnswer Of(ProblemHttpResult problem) => Of(problem.StatusCode, problem.ProblemDetails);

    /// <summary>What this key of a payment was answered before, or null: it is new.</summary>
    public static Task<StoredAnswer?> FindAsync(
        Database<PaymentsDb> database, Guid userId, IdempotencyKey key, CancellationToken ct) =>
        FindAsync(PaymentSql, database, userId, key, ct);

    /// <inheritdoc cref="FindAsync(Database{PaymentsDb}, Guid, IdempotencyKey, CancellationToken)"/>
    public static async Task<StoredAnswer?> FindAsync(Transaction<PaymentsDb> tx, Guid userId, IdempotencyKey key) =>
        (await tx.QuerySingleOrDefaultAsync<Row>(PaymentSql, Parameters(userId, key)))?.Judge(key);

    /// <summary>What this key of a refund was answered before, or null: it is new.</summary>
    public static Task<StoredAnswer?> FindRefundAsync(
        Database<PaymentsDb> database, Guid userId, IdempotencyKey key, CancellationToken ct) =>
        FindAsync(RefundSql, database, userId, key, ct);

    /// <inheritdoc cref="FindRefundAsync(Database{PaymentsDb}, Guid, IdempotencyKey, CancellationToken)"/>
    public static async Task<StoredAnswer?> FindRefundAsync(
        Transaction<PaymentsDb> tx, Guid userId, IdempotencyKey key) =>
        (await tx.QuerySingleOrDefaultAsync<Row>(RefundSql, Parameters(userId, key)))?.Judge(key);

    public ContentHttpResult Send(HttpContext http)
    {
        if (Replayed) http.Response.Headers[IdempotencyKey.ReplayedHeader] = "true";
        var type = Status >= StatusCodes.Status400BadRequest ? "application/problem+json" : "application/json";
        return TypedResults.Text(Json, type, Encoding.UTF8, Status);
    }

    // The key's row, else the row under the id that the key derives: a tombstone, or an attempt that ended keyless.
    private static string FindSqlIn(string table) => $"""
        select fingerprint, answer_status, answer, failure
          from {table}
         where user_id = @userId and idempotency_key = @StoredKey
         union all
        select fingerprint, answer_status, answer, failure
          from {table}
         where id = @ResourceId and idempotency_key is null
         order by fingerprint nulls last
         limit 1
        """;

    private static async Task<StoredAnswer?> FindAsync(
        string sql, Database<PaymentsDb> database, Guid userId, IdempotencyKey key, CancellationToken ct)
    {
        var row = await database.QuerySingleOrDefaultAsync<Row>(sql, Parameters(userId, key), ct);
        return row?.Judge(key);
    }

    private static object Parameters(Guid userId, IdempotencyKey key) =>
        new { userId, key.StoredKey, key.ResourceId };

    private sealed class Row
    {
        public byte[]? Fingerprint { get; init; }

        public int? AnswerStatus { get; init; }

        public string? Answer { get; init; }

        public string? Failure { get; init; }

        public StoredAnswer Judge(IdempotencyKey key)
        {
            if (Fingerprint is null) return Of(Ended(Failure!));

            return key.HasFingerprint(Fingerprint)
                ? new(AnswerStatus!.Value, Answer!, Replayed: true)
                : Of(Problems.Of(
                    StatusCodes.Status422UnprocessableEntity, "idempotency-key-reused",
                    "This Idempotency-Key was used with another request."));
        }

        private static ProblemHttpResult Ended(string failure) => Problems.Conflict(
            failure, "This attempt ended before it began: no money moved. Use a new Idempotency-Key.");
    }
}
