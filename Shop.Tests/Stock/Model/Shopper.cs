using System.Net;
using System.Text.Json.Nodes;
using Shop.Tests.Fixtures;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Stock.Model;

/// <summary>A command as it was sent, and its answer.</summary>
/// <param name="Order">The number of the order that it is about, by age; of a new one too.</param>
/// <param name="Key">The number of its idempotency key; its request is null where it needs none.</param>
/// <param name="Answer">Null where time passed: nobody answers that.</param>
internal sealed record Step(Command Command, int? Order, int Key, Request? Request, Answer? Answer)
{
    public override string ToString() =>
        $"{Command} {(Request is null ? "" : $"= key {Key} {Request} ")}order {Order}: {Answer}";
}

/// <summary>
/// Carries out commands over HTTP, for one buyer and one product. It remembers what a client would: its orders, their
/// payments, and what it sent under which key.
/// </summary>
/// <param name="tryAgain">
/// For who races: 503, and a conflict with a time to come back, are asked again under the same key, as clients should.
/// </param>
internal sealed class Shopper(ShopApp shop, ShopUser seller, ShopUser buyer, Guid product, bool tryAgain)
{
    private readonly HttpClient _catalog = seller.Catalog;
    private readonly HttpClient _ordering = buyer.Ordering;
    private readonly HttpClient _payments = buyer.Payments;
    private readonly List<(Guid Id, List<Guid> Payments)> _orders = [];
    private readonly List<(int Key, Request Request)> _sent = [];
    private readonly List<string> _keys = [];
    private readonly Dictionary<(int, Request), string> _firstBodies = [];

    public IReadOnlyList<Guid> Orders => [.. _orders.Select(order => order.Id)];

    /// <summary>Null where there is nothing yet that the command could be about.</summary>
    public async Task<Step?> TakeAsync(Command command)
    {
        switch (command)
        {
            case Command.Receive receive:
                return Done(await AskAsync(() => _catalog.PostAsync(
                    $"/products/{product}/stock", new { quantity = receive.Units, reason = "delivery" })));
            case Command.ReadProduct:
                return Done(await AskAsync(() => _catalog.AskAsync($"/products/{product}")));
            case Command.Place place:
                return await SendAsync(command, NewKeyNumber(), new Request.Place(place.Units, place.Card));
            case Command.Repeat repeat when _sent.Count > 0:
                var (key, request) = _sent[^(1 + (repeat.Pick % _sent.Count))];
                return await SendAsync(command, key, request);
            case Command.Reuse reuse when _orders.Count > 0:
                var placed = _sent.Where(sent => sent.Request is Request.Place).ToArray();
                var (used, other) = placed[^(1 + (reuse.Pick % placed.Length))];
                var place2 = (Request.Place)other;
                return await SendAsync(command, used, place2 with { Units = place2.Units + 1 });
            case Command.Pay pay when Pick(pay.Pick) is { } order:
                return await SendAsync(command, NewKeyNumber(), new Request.Pay(order, pay.Card));
            case Command.Refund refund when Pick(refund.Pick) is { } order && _orders[order].Payments.Count > 0:
                var last = _orders[order].Payments.Count - 1;
                return await SendAsync(
                    command, NewKeyNumber(), new Request.Refund(order, last, refund.Units, refund.Restock));
            case Command.Cancel cancel when Pick(cancel.Pick) is { } order:
                var body = new { reason = "changed my mind", restock = cancel.Restock };
                return Done(
                    await AskAsync(() => _ordering.PostAsync($"/orders/{_orders[order].Id}/cancel", body)), order);
            case Command.Expire expire when Pick(expire.Pick) is { } order:
                await shop.EndTimeOfAsync(_orders[order].Id);
                return new(command, order, 0, null, null);
            case Command.Read read when Pick(read.Pick) is { } order:
                return Done(await ReadAsync(order), order);
            default:
                return null;
        }

        Step Done(Answer answer, int? order = null) => new(command, order, 0, null, answer);
    }

    public Task<Answer> ReadAsync(int order) => AskAsync(() => _ordering.AskAsync($"/orders/{_orders[order].Id}"));

    private int? Pick(int pick) => _orders.Count == 0 ? null : _orders.Count - 1 - (pick % _orders.Count);

    private int NewKeyNumber()
    {
        _keys.Add(NewKey());
        return _keys.Count - 1;
    }

    private async Task<Step> SendAsync(Command command, int key, Request request)
    {
        if (!_sent.Contains((key, request))) _sent.Add((key, request));
        switch (request)
        {
            case Request.Place place:
                var placed = await AskAsync(() => _ordering.PostAsync(
                    "/orders", Shelves.OrderOf(place.Card, (product, place.Units)), _keys[key]));
                AssertRepeated(key, request, placed);
                return new(command, await RememberOrderAsync(placed), key, request, placed);
            case Request.Pay pay:
                var (order, payments) = _orders[pay.Order];
                var paid = await AskAsync(() => _payments.PostAsync(
                    "/payments", new { orderId = order, method = "CARD", cardToken = pay.Card }, _keys[key]));
                AssertRepeated(key, request, paid);
                if (paid.Status == HttpStatusCode.Accepted)
                {
                    var payment = paid.Body.GetProperty("paymentId").GetGuid();
                    if (!payments.Contains(payment)) payments.Add(payment);
                }

                return new(command, pay.Order, key, request, paid);
            case Request.Refund refund:
                var body = new
                {
                    lines = new[] { new { productId = product, quantity = refund.Units } },
                    restock = refund.Restock, reason = "not as described",
                };
                var of = _orders[refund.Order].Payments[refund.Payment];
                var back = await AskAsync(() => _payments.PostAsync($"/payments/{of}/refunds", body, _keys[key]));
                AssertRepeated(key, request, back);
                return new(command, refund.Order, key, request, back);
            default:
                throw new ArgumentOutOfRangeException(nameof(request), request, null);
        }
    }

    /// <summary>The order's number, whether it is new or known; null where there is none.</summary>
    private async Task<int?> RememberOrderAsync(Answer answer)
    {
        if (!answer.Body.TryGetProperty("id", out var id) && !answer.Body.TryGetProperty("orderId", out id))
        {
            return null;
        }

        var order = id.GetGuid();
        var known = _orders.FindIndex(one => one.Id == order);
        if (known >= 0) return known;

        _orders.Add((order, []));
        var view = await ReadAsync(_orders.Count - 1);
        _orders[^1].Payments.AddRange(
            view.Body.GetProperty("payments").EnumerateArray().Select(payment => payment.GetProperty("id").GetGuid()));
        return _orders.Count - 1;
    }

    /// <summary>
    /// A yes that is given again is the first one, to the letter; but for the time that <c>EndTimeOfAsync</c> moved
    /// behind the shop's back. A problem has a trace of its own.
    /// </summary>
    private void AssertRepeated(int key, Request request, Answer answer)
    {
        if (answer.Status is not (HttpStatusCode.Created or HttpStatusCode.Accepted)) return;

        var yes = JsonNode.Parse(answer.Body.GetRawText())!.AsObject();
        yes.Remove("expiresAt");
        var body = yes.ToJsonString();
        // The outcome that was not known at first is told later.
        if (_firstBodies.TryGetValue((key, request), out var first) && answer.Replayed) Assert.Equal(first, body);
        if (answer.Status == HttpStatusCode.Created || request is not Request.Place)
        {
            _firstBodies.TryAdd((key, request), body);
        }
    }

    private Task<Answer> AskAsync(Func<Task<Answer>> ask) => tryAgain
        ? Eventually.GetAsync(
            ask,
            answer => answer.Status != HttpStatusCode.ServiceUnavailable
                && (answer.Status != HttpStatusCode.Conflict || answer.Response.Headers.RetryAfter is null),
            TimeSpan.FromSeconds(120), "an answer")
        : ask();
}
