using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Idempotency;

namespace Shop.Tests.Payments;

/// <summary>
/// Random lives of an account, run on the database and on a model of a few lines side by side. A day is the unit of
/// time: lots last ten of them.
/// </summary>
public sealed class PointsModelTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private const int LifeDays = 10;
    private const int Steps = 40;

    [Fact]
    public async Task Charged_held_used_released_returned_taken_back_and_expired_in_any_sequence_it_adds_up()
    {
        var steps = Gen.Elements(Enum.GetValues<Step>()).SelectMany(
            step => Gen.Choose(1, 60).SelectMany(amount => Gen.Choose(0, 9).Select(pick => (step, amount, pick))));

        Prop.ForAll(Gen.ListOf(steps, Steps).ToArbitrary(), Live).Check(Config.QuickThrowOnFailure.WithMaxTest(20));
        await Wallet.AssertBooksHoldAsync(app);
    }

    // Properties are synchronous; away from the test's own context, which has one thread and would wait for itself.
    private bool Live(IEnumerable<(Step Step, int Amount, int Pick)> life)
    {
        Task.Run(() => LiveAsync(life)).GetAwaiter().GetResult();
        return true;
    }

    private async Task LiveAsync(IEnumerable<(Step Step, int Amount, int Pick)> life)
    {
        var account = new Account(app);
        foreach (var (step, amount, pick) in life)
        {
            await account.TakeAsync(step, amount, pick);
            Assert.Equal(account.Model.Points, await account.PointsAsync());
        }
    }

    private enum Step
    {
        Charge,
        Hold,
        Use,
        Release,
        Return,
        TakeBack,
        TakeBackCompletes,
        TakeBackFails,
        DayPasses,
        Sweep,
    }

    /// <summary>One customer, in the database and in the model.</summary>
    private sealed class Account(PaymentsApp app)
    {
        private readonly Guid _user = Guid.CreateVersion7();
        private readonly List<Guid> _topUps = [];
        private readonly List<Guid> _payments = [];
        private readonly List<Guid> _refunds = [];

        public Model Model { get; } = new();

        public async Task TakeAsync(Step step, int amount, int pick)
        {
            switch (step)
            {
                case Step.Charge:
                    await ChargeAsync(amount);
                    break;
                case Step.Hold:
                    await HoldAsync(_payments, amount, first: null);
                    break;
                case Step.TakeBack when Pick(_topUps, pick) is { } topUp:
                    await HoldAsync(_refunds, amount, topUp);
                    break;
                case Step.Use when Pick(_payments, pick) is { } payment:
                    await EndAsync(payment, Ended.Captured, PointsEntry.Used);
                    break;
                case Step.Release when Pick(_payments, pick) is { } payment:
                    await EndAsync(payment, Ended.Released, "");
                    break;
                case Step.TakeBackCompletes when Pick(_refunds, pick) is { } refund:
                    await EndAsync(refund, Ended.Captured, PointsEntry.TakenBack);
                    break;
                case Step.TakeBackFails when Pick(_refunds, pick) is { } refund:
                    await EndAsync(refund, Ended.Released, "");
                    break;
                case Step.Return when Pick(_payments, pick) is { } payment && Model.Return(payment, amount):
                    await app.Database.TransactAsync(
                        tx => ReturnPoints.RunAsync(tx, Guid.CreateVersion7(), payment, amount), default);
                    break;
                case Step.DayPasses:
                    app.Clock.Advance(TimeSpan.FromDays(1));
                    Model.Today++;
                    break;
                case Step.Sweep:
                    while (await SweepAsync() > 0) continue;
                    Model.Sweep();
                    break;
                default:
                    break;
            }
        }

        public async Task<(long Available, long Held)> PointsAsync() => (
            await app.ScalarAsync<long>(
                "select coalesce(sum(available), 0) from points_accounts where user_id = @_user", new { _user }),
            await app.ScalarAsync<long>(
                "select coalesce(sum(held), 0) from points_accounts where user_id = @_user", new { _user }));

        private async Task ChargeAsync(int amount)
        {
            var key = IdempotencyKey.Of(_user, "test", Guid.CreateVersion7().ToString(), amount);
            var id = key.ResourceId;
            await app.Database.TransactAsync(
                async tx =>
                {
                    var attempt = new StorePayment.Attempt(_user, null, "CARD", "tok_ok", amount, 0, "KRW", [], key);
                    await StorePayment.RunAsync(tx, attempt, new());
                    await GrantPoints.PromiseAsync(tx, id, _user, amount, tx.Now.AddDays(LifeDays));
                },
                default);
            await app.HandleAsync(
                OnPaymentRequested.Handle, new PaymentRequested(id, null, _user, app.Clock.GetUtcNow()),
                afterCommit: false);
            Assert.Equal(
                PaymentVerdict.Applied, await SettlePayment.CapturedAsync(app.Database, id, amount, "test", default));
            _topUps.Add(id);
            Model.Charge(id, amount, LifeDays);
        }

        private async Task HoldAsync(List<Guid> holds, int amount, Guid? first)
        {
            var id = Guid.CreateVersion7();
            var held = await app.Database.TransactAsync(
                tx => HoldPoints.RunAsync(tx, id, _user, amount, first), default);
            Assert.Equal(Model.Hold(id, amount, first), held);
            if (held) holds.Add(id);
        }

        private async Task EndAsync(Guid hold, Ended how, string kind)
        {
            var ended = await app.Database.TransactAsync(
                async tx => how == Ended.Captured
                    ? await SettleHold.CaptureAsync(tx, hold, kind) is not null
                    : await SettleHold.ReleaseAsync(tx, hold),
                default);
            Assert.Equal(Model.End(hold, how), ended);
        }

        private Task<int> SweepAsync() =>
            ExpirePoints.RunAsync(app.Database, app.Workers.GetRequiredService<PointsOptions>(), default);

        private static Guid? Pick(List<Guid> from, int pick) => from.Count == 0 ? null : from[pick % from.Count];
    }

    private enum Ended
    {
        Not,
        Captured,
        Released,
    }

    /// <summary>What the points of one customer are, as simply as it can be said.</summary>
    private sealed class Model
    {
        private readonly List<Lot> _lots = [];
        private readonly Dictionary<Guid, Parted> _holds = [];

        public int Today { get; set; }

        public (long Available, long Held) Points => (
            _lots.Sum(lot => lot.Available),
            _holds.Values.Where(hold => hold.Ended == Ended.Not).Sum(hold => hold.Parts.Sum(part => part.Amount)));

        public void Charge(Guid id, long amount, int days) => _lots.Add(new(id, Today + days) { Available = amount });

        public bool Hold(Guid id, long amount, Guid? first)
        {
            var lots = _lots.Where(lot => lot.LastsTo > Today && lot.Available > 0)
                .OrderBy(lot => lot.Id != first).ThenBy(lot => lot.LastsTo).ToList();
            if (lots.Sum(lot => lot.Available) < amount) return false;

            var hold = new Parted();
            foreach (var lot in lots)
            {
                var part = Math.Min(amount, lot.Available);
                if (part == 0) break;
                lot.Available -= part;
                amount -= part;
                hold.Parts.Add(new(lot, part));
            }

            _holds[id] = hold;
            return true;
        }

        public bool End(Guid id, Ended how)
        {
            var hold = _holds[id];
            if (hold.Ended != Ended.Not) return false;

            hold.Ended = how;
            if (how == Ended.Released) hold.Parts.ForEach(part => PutBack(part.Lot, part.Amount));
            return true;
        }

        /// <summary>False where the payment was not completed or so much of it is not left.</summary>
        public bool Return(Guid id, long amount)
        {
            var hold = _holds[id];
            if (hold.Ended != Ended.Captured || hold.Parts.Sum(part => part.Amount - part.Returned) < amount) return false;

            foreach (var part in hold.Parts.OrderByDescending(part => part.Lot.LastsTo))
            {
                var back = Math.Min(amount, part.Amount - part.Returned);
                if (back == 0) continue;
                part.Returned += back;
                amount -= back;
                PutBack(part.Lot, back);
            }

            return true;
        }

        public void Sweep() => _lots.Where(lot => lot.LastsTo <= Today).ToList().ForEach(lot => lot.Available = 0);

        private void PutBack(Lot lot, long amount)
        {
            if (lot.LastsTo > Today) lot.Available += amount;
            else _lots.Add(new(Guid.Empty, Today + PointsLots.LateDays) { Available = amount });
        }

        private sealed record Lot(Guid Id, int LastsTo)
        {
            public long Available { get; set; }
        }

        private sealed record Part(Lot Lot, long Amount)
        {
            public long Returned { get; set; }
        }

        private sealed class Parted
        {
            public List<Part> Parts { get; } = [];

            public Ended Ended { get; set; }
        }
    }
}
