using System.Net;
using System.Net.Http.Json;
using Shop.Ordering.Orders;
using Shop.ServiceDefaults.Events;
using Shop.Tests.Ordering;
using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.Idempotency;

/// <summary>Ordering with another replica whose connections can be cut; every payment is captured at once.</summary>
public sealed class CuttableOrdering : IAsyncLifetime
{
    public OrderingApp App { get; } = new();

    public CommitLosingProxy Proxy { get; private set; } = null!;

    public int Cuttable { get; private set; }

    /// <summary>Runs before the answer to the next payment.</summary>
    public Func<Task>? BeforePayment { get; set; }

    public async Task InitializeAsync()
    {
        await App.InitializeAsync();
        Proxy = new(App.Database);
        Cuttable = await App.AddReplicaAsync(Proxy.ConnectionString);
        App.Shop.OnPayment = async payment =>
        {
            if (BeforePayment is { } before) await before();
            await App.HandleAsync<PaymentCompleted>(OnPaymentCompleted.Handle, new PaymentCompleted(
                payment.PaymentId, payment.OrderId, payment.UserId, payment.Amount, payment.Amount, 0, "KRW",
                App.Clock.GetUtcNow()));
            return FakeShop.Accepted(payment);
        };
    }

    public async Task DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await App.DisposeAsync();
    }
}

/// <summary><c>POST /orders</c> that is paid in the same call.</summary>
public sealed class PlaceOrderIdempotency(CuttableOrdering ordering)
    : IdempotencyOfSteps, IClassFixture<CuttableOrdering>
{
    protected override CommitLosingProxy Proxy => ordering.Proxy;

    protected override Task<IdempotentCall> NewCallAsync() => Task.FromResult<IdempotentCall>(new Call(ordering));

    private sealed class Call(CuttableOrdering ordering) : IdempotentCall
    {
        private readonly Guid _user = Guid.CreateVersion7();
        private readonly FakeShop.Product _product = ordering.App.Shop.Stock(100);

        public override HttpStatusCode Success => HttpStatusCode.Created;

        public override async Task<long> EffectsAsync()
        {
            var orders = await ordering.App.ScalarAsync<long>(
                "select count(*) from orders where user_id = @_user and status = 'PAID'", new { _user });
            Assert.Equal(100 - orders, ordering.App.Shop.Left(_product));
            return orders;
        }

        public override Task ObstructAsync(bool on)
        {
            ordering.App.Shop.Refuse = on ? (_product.Id, "out-of-stock") : null;
            return Task.CompletedTask;
        }

        public override Task<Held> HoldAsync()
        {
            var held = new Held();
            ordering.BeforePayment = () =>
            {
                ordering.BeforePayment = null;
                return held.StandAsync();
            };
            return Task.FromResult(held);
        }

        protected override HttpClient Client(Route route) =>
            ordering.App.Buyer(_user, route == Route.Direct ? 0 : ordering.Cuttable);

        protected override HttpRequestMessage Request(bool otherBody) => new(HttpMethod.Post, "/orders")
        {
            Content = JsonContent.Create(new
            {
                lines = new[] { new { productId = _product.Id, quantity = 1 } },
                payment = new { method = "CARD", cardToken = otherBody ? "tok_slow" : "tok_ok" },
            }),
        };
    }
}
