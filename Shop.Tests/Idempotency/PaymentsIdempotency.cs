using System.Net;
using System.Net.Http.Json;
using Shop.Payments.Payments;
using Shop.ServiceDefaults.Http;
using Shop.Tests.Payments;
using Shop.Tests.ServiceDefaults.Messaging;
using BuyersPurchase = Shop.Tests.Payments.Purchase;

namespace Shop.Tests.Idempotency;

/// <summary>Payments with a second replica whose connections can be cut.</summary>
public sealed class CuttablePayments : IAsyncLifetime
{
    public PaymentsApp App { get; } = new();

    public CommitLosingProxy Proxy { get; private set; } = null!;

    public int Cuttable { get; private set; }

    public async Task InitializeAsync()
    {
        await App.InitializeAsync();
        Proxy = new(App.ConnectionString);
        Cuttable = await App.AddReplicaAsync(Proxy.ConnectionString);
    }

    public async Task DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await App.DisposeAsync();
    }
}

public sealed class PayOrderIdempotency(CuttablePayments payments)
    : IdempotencyOfSteps, IClassFixture<CuttablePayments>
{
    protected override CommitLosingProxy Proxy => payments.Proxy;

    protected override Task<IdempotentCall> NewCallAsync() => Task.FromResult<IdempotentCall>(new Call(payments));

    private sealed class Call(CuttablePayments payments) : IdempotentCall
    {
        private readonly BuyersPurchase _purchase = new(payments.App);

        public override HttpStatusCode Success => HttpStatusCode.Accepted;

        public override Task<long> EffectsAsync() => payments.App.ScalarAsync<long>(
            "select count(*) from payments where user_id = @User and status <> 'FAILED'", new { _purchase.User });

        public override Task ObstructAsync(bool on)
        {
            if (on) payments.App.Ordering.Refuse(_purchase.Order.OrderId, "payment-in-flight");
            else payments.App.Ordering.Allow(_purchase.Order.OrderId);
            return Task.CompletedTask;
        }

        public override Task<Held> HoldAsync()
        {
            var held = new Held();
            payments.App.Ordering.BeforeAnswer = _ =>
            {
                payments.App.Ordering.BeforeAnswer = null;
                return held.StandAsync();
            };
            return Task.FromResult(held);
        }

        protected override HttpClient Client(Route route) =>
            payments.App.ClientOf(_purchase.User, replica: route == Route.Direct ? 0 : payments.Cuttable);

        protected override HttpRequestMessage Request(bool otherBody) => new(HttpMethod.Post, "/payments")
        {
            Content = JsonContent.Create(
                new PayOrder.Request(
                    _purchase.Order.OrderId, "CARD", otherBody ? "tok_declined" : "tok_ok", Points: null),
                options: ShopJson.Options),
        };
    }
}

public sealed class RequestRefundIdempotency(CuttablePayments payments)
    : IdempotencyOfSteps, IClassFixture<CuttablePayments>
{
    protected override CommitLosingProxy Proxy => payments.Proxy;

    protected override async Task<IdempotentCall> NewCallAsync()
    {
        var purchase = new BuyersPurchase(payments.App);
        return new Call(payments, purchase, await purchase.PaidAsync());
    }

    private sealed class Call(CuttablePayments payments, BuyersPurchase purchase, Guid payment) : IdempotentCall
    {
        public override HttpStatusCode Success => HttpStatusCode.Accepted;

        public override async Task<long> EffectsAsync()
        {
            var (card, _) = await payments.App.RefundedOfAsync(payment);
            var refunds = await payments.App.ScalarAsync<long>(
                "select count(*) from refunds where payment_id = @payment and status <> 'FAILED'", new { payment });
            Assert.Equal(350 * refunds, card);
            return refunds;
        }

        public override Task ObstructAsync(bool on)
        {
            if (on) payments.App.Ordering.Refuse(purchase.Order.OrderId, "already-shipped");
            else payments.App.Ordering.Allow(purchase.Order.OrderId);
            return Task.CompletedTask;
        }

        public override Task<Held> HoldAsync()
        {
            var held = new Held();
            payments.App.Ordering.BeforeRefundAnswer = _ =>
            {
                payments.App.Ordering.BeforeRefundAnswer = null;
                return held.StandAsync();
            };
            return Task.FromResult(held);
        }

        protected override HttpClient Client(Route route) =>
            payments.App.ClientOf(purchase.User, replica: route == Route.Direct ? 0 : payments.Cuttable);

        // One unit of two, so that a second effect would find room.
        protected override HttpRequestMessage Request(bool otherBody) =>
            new(HttpMethod.Post, $"/payments/{payment}/refunds")
            {
                Content = JsonContent.Create(new
                {
                    lines = new[] { new { purchase.Order.Lines[0].ProductId, quantity = 1 } },
                    restock = true,
                    reason = otherBody ? "changed my mind" : "scratched",
                }),
            };
    }
}

public sealed class ChargePointsIdempotency(CuttablePayments payments)
    : IdempotencyConformance, IClassFixture<CuttablePayments>
{
    protected override CommitLosingProxy Proxy => payments.Proxy;

    protected override Task<IdempotentCall> NewCallAsync() => Task.FromResult<IdempotentCall>(new Call(payments));

    private sealed class Call(CuttablePayments payments) : IdempotentCall
    {
        private readonly Guid _user = Guid.CreateVersion7();
        private long _amount = 500;

        public override HttpStatusCode Success => HttpStatusCode.Accepted;

        public override Task<long> EffectsAsync() => payments.App.ScalarAsync<long>(
            "select count(*) from payments where user_id = @_user", new { _user });

        /// <summary>Nobody but its own rules can refuse it: the amount is out of bounds meanwhile.</summary>
        public override Task ObstructAsync(bool on)
        {
            _amount = on ? 0 : 500;
            return Task.CompletedTask;
        }

        protected override HttpClient Client(Route route) =>
            payments.App.ClientOf(_user, replica: route == Route.Direct ? 0 : payments.Cuttable);

        protected override HttpRequestMessage Request(bool otherBody) => new(HttpMethod.Post, "/points/charge")
        {
            Content = JsonContent.Create(new { amount = otherBody ? 501 : _amount, cardToken = "tok_ok" }),
        };
    }
}
