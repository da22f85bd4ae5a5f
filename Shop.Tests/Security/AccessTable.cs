namespace Shop.Tests.Security;

/// <summary>
/// Who hears what, written by hand: for each endpoint the status of each kind of caller.
/// <list type="bullet">
/// <item>nobody: no token, and every forged one (expired, other signature, <c>alg: none</c>, HS256 under the public
/// key, other audience).</item>
/// <item>buyer: the customer to whom the ids in the path belong; other: another customer.</item>
/// <item>seller: the one whose product and shipment it is; rival: another seller. To orders both are strangers.</item>
/// <item>admin; service: a service with the scope of that API; wrong: a service with other scopes.</item>
/// </list>
/// The ids in braces are those of <see cref="Subjects"/>. Bodies are good ones, so that a refusal is about the caller.
/// </summary>
internal static class AccessTable
{
    private const string Line = """{"productId":"{product}","quantity":1}""";
    private const string Card = "\"method\":\"CARD\",\"cardToken\":\"tok_ok\"";
    private const string Held = $$"""{"orderId":"{new}","userId":"{new}","lines":[{{Line}}],"ttlSeconds":60}""";

    //                                                                nobody buyer other seller rival admin service
    // wrong
    public static readonly IReadOnlyList<AccessRow> Rows =
    [
        new("identity POST /users",                                   201, 201, 201, 201, 201, 201, 201, 201,
            """{"email":"{new}@test.example","password":"a-long-test-password","name":"A"}"""),
        new("identity GET /users/me",                                 401, 200, 200, 200, 200, 200, 403, 403),
        new("identity PATCH /users/me",                               401, 200, 200, 200, 200, 200, 403, 403, "{}"),
        new("identity PUT /users/{user}/roles",                       401, 403, 403, 403, 403, 200, 403, 403,
            """{"roles":["customer"]}"""),
        new("identity POST /auth/login",                              401, 401, 401, 401, 401, 401, 401, 401,
            """{"email":"{new}@test.example","password":"wrong"}"""),
        new("identity POST /auth/refresh",                            401, 401, 401, 401, 401, 401, 401, 401,
            """{"refreshToken":"{new}"}"""),
        new("identity POST /auth/logout",                             204, 204, 204, 204, 204, 204, 204, 204,
            """{"refreshToken":"{new}"}"""),
        new("identity POST /auth/token",                              401, 401, 401, 401, 401, 401, 401, 401,
            """{"clientId":"workers","clientSecret":"wrong"}"""),
        new("identity GET /.well-known/openid-configuration",         200, 200, 200, 200, 200, 200, 200, 200),
        new("identity GET /.well-known/jwks.json",                    200, 200, 200, 200, 200, 200, 200, 200),

        new("catalog GET /products",                                  200, 200, 200, 200, 200, 200, 200, 200),
        new("catalog GET /products/{product}",                        200, 200, 200, 200, 200, 200, 200, 200),
        new("catalog GET /products/{draft}",                          404, 404, 404, 200, 404, 200, 404, 404),
        new("catalog GET /products/popular",                          200, 200, 200, 200, 200, 200, 200, 200),
        new("catalog GET /products/recommended",                      401, 200, 200, 200, 200, 200, 403, 403),
        new("catalog GET /products/{product}/related",                200, 200, 200, 200, 200, 200, 200, 200),
        new("catalog POST /products",                                 401, 403, 403, 201, 201, 400, 403, 403,
            """{"name":"A","category":"b","unitPrice":1}"""),
        new("catalog PATCH /products/{product}",                      401, 403, 403, 200, 404, 200, 403, 403,
            """{"description":"{new}"}"""),
        new("catalog POST /products/{product}/stock",                 401, 403, 403, 200, 404, 200, 403, 403,
            """{"quantity":1,"reason":"more"}"""),
        new("catalog POST /internal/stocks/reserve",                  401, 403, 403, 403, 403, 403, 200, 403, Held),
        new("catalog POST /internal/stocks/reserve-many",             401, 403, 403, 403, 403, 403, 200, 403,
            $$"""{"reservations":[{{Held}}]}"""),
        new("catalog POST /internal/stocks/release",                  401, 403, 403, 403, 403, 403, 200, 403,
            """{"orderId":"{new}"}"""),
        new("catalog POST /internal/stocks/commit",                   401, 403, 403, 403, 403, 403, 200, 403,
            """{"orderId":"{new}"}"""),

        new("ordering POST /orders",                                  401, 201, 201, 201, 201, 201, 403, 403,
            $$"""{"lines":[{{Line}}]}"""),
        new("ordering GET /orders/me",                                401, 200, 200, 200, 200, 200, 403, 403),
        new("ordering GET /orders/{order}",                           401, 200, 404, 404, 404, 200, 403, 403),
        new("ordering GET /orders/{order}/timeline",                  401, 200, 404, 404, 404, 200, 403, 403),
        new("ordering POST /orders/{unpaid}/cancel",                  401, 200, 404, 404, 404, 200, 403, 403,
            """{"reason":"changed my mind"}"""),
        new("ordering POST /orders/{order}/shipments/{shipment}/ship",    401, 403, 403, 200, 404, 200, 403, 403, ""),
        new("ordering POST /orders/{order}/shipments/{shipment}/deliver", 401, 403, 403, 200, 404, 200, 403, 403, ""),
        new("ordering POST /coupons",                                 401, 403, 403, 403, 403, 201, 403, 403,
            """{"code":"{new}","discount":{"type":"AMOUNT","amount":1},"totalQuantity":1}"""),
        new("ordering GET /coupons",                                  401, 200, 200, 200, 200, 200, 403, 403),
        new("ordering GET /coupons/me",                               401, 200, 200, 200, 200, 200, 403, 403),
        new("ordering GET /coupons/{new}",                            401, 404, 404, 404, 404, 404, 403, 403),
        new("ordering POST /coupons/{new}/claim",                     401, 404, 404, 404, 404, 404, 403, 403, ""),
        new("ordering GET /notifications/me",                         401, 200, 200, 200, 200, 200, 403, 403),
        new("ordering POST /webhooks",                                401, 403, 403, 403, 403, 201, 403, 403,
            """{"url":"http://127.0.0.1:9/hook","events":["OrderPaid.v1"]}"""),
        new("ordering GET /webhooks",                                 401, 403, 403, 403, 403, 200, 403, 403),
        new("ordering DELETE /webhooks/{new}",                        401, 403, 403, 403, 403, 404, 403, 403),
        new("ordering GET /webhooks/{new}/deliveries",                401, 403, 403, 403, 403, 404, 403, 403),
        new("ordering GET /internal/orders/{order}",                  401, 403, 403, 403, 403, 403, 200, 403),
        new("ordering POST /internal/orders/{order}/payment-attempts", 401, 403, 403, 403, 403, 403, 409, 403,
            """{"paymentId":"{new}","userId":"{user}"}"""),
        new("ordering POST /internal/orders/{new}/refund-attempts",   401, 403, 403, 403, 403, 403, 404, 403,
            """{"refundId":"{new}","lines":null,"restock":true}"""),
        new("ordering POST /internal/orders/paid-lines",              401, 403, 403, 403, 403, 403, 200, 403,
            """{"orderIds":["{order}"]}"""),
        new("ordering POST /internal/orders/hold-verdicts",           401, 403, 403, 403, 403, 403, 200, 403,
            """{"orderIds":["{new}"]}"""),

        new("payments POST /payments",                                401, 202, 404, 404, 404, 404, 403, 403,
            $$"""{"orderId":"{payable}",{{Card}}}"""),
        new("payments GET /payments?orderId={order}",                 401, 200, 200, 200, 200, 200, 403, 403),
        new("payments GET /payments/{payment}",                       401, 200, 404, 404, 404, 200, 403, 403),
        new("payments POST /payments/{new}/cancel",                   401, 404, 404, 404, 404, 404, 403, 403, ""),
        new("payments POST /payments/{payment}/refunds",              401, 202, 404, 404, 404, 202, 403, 403,
            """{"amount":1,"restock":false,"reason":"broken"}"""),
        new("payments GET /refunds/{new}",                            401, 404, 404, 404, 404, 404, 403, 403),
        new("payments GET /points",                                   401, 200, 200, 200, 200, 200, 403, 403),
        new("payments GET /points/entries",                           401, 200, 200, 200, 200, 200, 403, 403),
        new("payments POST /points/charge",                           401, 202, 202, 202, 202, 202, 403, 403,
            """{"amount":1000,"cardToken":"tok_ok"}"""),
        new("payments GET /settlements/daily?date=2026-01-01",        401, 403, 403, 200, 200, 200, 403, 403),
        new("payments GET /settlements/monthly?month=2026-01",        401, 403, 403, 200, 200, 200, 403, 403),
        new("payments GET /settlements/{new}/lines",                  401, 403, 403, 404, 404, 404, 403, 403),
        new("payments GET /internal/refunds/{new}?paymentId={new}",     401, 403, 403, 403, 403, 403, 200, 403),
        new("payments POST /internal/payments",                       401, 403, 403, 403, 403, 403, 202, 403,
            $$"""
            {"paymentId":"{new}","orderId":"{new2}","userId":"{new}",{{Card}},"amount":1,"currency":"KRW","lines":[
             {"productId":"{product}","sellerId":"{new}","category":"b","quantity":1,"amount":1}]}
            """),
        new("payments GET /internal/payments/{new}?orderId={new}",    401, 403, 403, 403, 403, 403, 200, 403),
        new("payments POST /webhooks/sandbox",                        401, 401, 401, 401, 401, 401, 401, 401, "{}"),

        new("workers GET /ops/outbox",                                401, 403, 403, 403, 403, 200, 200, 403),
        new("workers GET /ops/streams",                               401, 403, 403, 403, 403, 200, 200, 403),
        new("workers GET /ops/dead-letters",                          401, 403, 403, 403, 403, 200, 200, 403),
        new("workers POST /ops/dead-letters/{new}/replay",            401, 403, 403, 403, 403, 404, 404, 403, ""),
        new("workers POST /ops/dead-letters/replay",                  401, 403, 403, 403, 403, 200, 200, 403, ""),
        new("workers POST /ops/popularity/rebuild",                   401, 403, 403, 403, 403, 200, 200, 403, ""),
        new("workers GET /ops/recovery",                              401, 403, 403, 403, 403, 200, 200, 403),
        new("workers GET /proof",                                     401, 403, 403, 403, 403, 200, 200, 403),
        new("workers GET /ops/audit",                                 401, 403, 403, 403, 403, 200, 200, 403),

        // The processor is another company: no token of the shop means anything to it, an API key does.
        new("sandbox POST /v1/charges",                               401, 401, 401, 401, 401, 401, 401, 401,
            """{"key":"{new}","amount":1,"currency":"KRW","cardToken":"tok_ok"}"""),
        new("sandbox GET /v1/charges",                                401, 401, 401, 401, 401, 401, 401, 401),
        new("sandbox GET /v1/charges/{new}",                          401, 401, 401, 401, 401, 401, 401, 401),
        new("sandbox POST /v1/charges/{new}/void",                    401, 401, 401, 401, 401, 401, 401, 401, ""),
        new("sandbox POST /v1/charges/{new}/refunds",                 401, 401, 401, 401, 401, 401, 401, 401,
            """{"key":"{new}","amount":1}"""),
        new("sandbox GET /v1/refunds",                                401, 401, 401, 401, 401, 401, 401, 401),
        new("sandbox GET /v1/refunds/{new}",                          401, 401, 401, 401, 401, 401, 401, 401),
    ];
}

/// <param name="Request">Service, method and address; what stands in braces is put in by the test.</param>
/// <param name="Body">JSON, or empty for none; null where the method takes no body.</param>
internal sealed record AccessRow(
    string Request, int Nobody, int Buyer, int Other, int Seller, int Rival, int Admin, int Service, int Wrong,
    string? Body = null)
{
    public string Name => Request.Split('?')[0];

    public string ServiceName => Request.Split(' ')[0];

    public HttpMethod Method => HttpMethod.Parse(Request.Split(' ')[1]);

    public string Address => Request.Split(' ')[2];

    public int Expected(string caller) => caller switch
    {
        Callers.Buyer => Buyer,
        Callers.Other => Other,
        Callers.Seller => Seller,
        Callers.Rival => Rival,
        Callers.Admin => Admin,
        Callers.Service => Service,
        Callers.WrongService => Wrong,
        _ => Nobody,
    };

    /// <summary>Whether this row is about that endpoint: the same but for the names in braces.</summary>
    public bool IsAbout(ApiEndpoint endpoint) => Shape(Name) == Shape(endpoint.Name);

    private static string Shape(string name) => string.Join(
        '/', name.Split('/').Select(part => part.StartsWith('{') ? "{}" : part));
}
