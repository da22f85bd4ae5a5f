using System.Collections.Concurrent;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Shop.Tests.Fixtures;
using Shop.Tests.Stock.Model;
using Xunit.Abstractions;

namespace Shop.Tests.Stock;

/// <summary>
/// Random purchases through the running shop: sequences of commands over HTTP, and the databases after each of them,
/// against a model that shares no code with the shop. Each case has a buyer and a product of its own. A sequence that
/// fails is told step by step up to where it failed; it is not shrunk, since every try would wait for its timeout.
/// </summary>
[Collection(StockShopCollection.Name)]
public sealed class PurchaseModelTests(StockShop shop, ITestOutputHelper output)
{
    private const int Units = 6;
    private const long UnitPrice = 1_700;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("SHOP_LONG_TESTS") == "1";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string CountSql = "select count(*) from order_lines where product_id = $1";
    private const string HoldCountSql = "select count(*) from reservation_lines where product_id = $1";

    private readonly ConcurrentDictionary<string, int> _answers = [];

    [Fact]
    public async Task Whatever_one_buyer_does_every_answer_and_every_book_is_as_the_model_says()
    {
        var seller = await shop.SellerAsync();
        var ended = new List<Case>();
        Prop.ForAll(Command.Lives(10, 14).ToArbitrary(), life => Run(() => LiveAsync(life, seller, ended)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(IsLong ? 200 : 20));

        TellAnswers();
        // What came twice or late would have come by now.
        foreach (var one in ended) await AssertBooksAsync(one, one.Orders.Count);
    }

    [Fact]
    public async Task Whatever_two_buyers_do_at_once_nothing_is_oversold_and_the_books_agree()
    {
        var seller = await shop.SellerAsync();
        var duels = Command.Lives(8, 12).SelectMany(
            one => Command.Lives(8, 12).Select(other => new Duel(one, other)));
        Prop.ForAll(duels.ToArbitrary(), duel => Run(() => RaceAsync(duel, seller)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(IsLong ? 200 : 12));
        TellAnswers();
    }

    // Properties are synchronous; away from the test's own context, which has one thread and would wait for itself.
    private static bool Run(Func<Task> run)
    {
        Task.Run(run).GetAwaiter().GetResult();
        return true;
    }

    private async Task LiveAsync(Life life, ShopUser seller, List<Case> ended)
    {
        var product = await seller.NewProductAsync(Units, unitPrice: UnitPrice);
        var shopper = new Shopper(shop, seller, await shop.NewBuyerAsync(), product, tryAgain: false);
        var model = new PurchaseModel(Units, UnitPrice);
        var told = new StringBuilder();
        try
        {
            foreach (var command in life.Commands)
            {
                told.Append($"\n{command}");
                if (await shopper.TakeAsync(command) is not { } step) continue;

                told.Append($"\n    {step}");
                Count(step);
                var expected = Expect(model, step);
                if (step.Answer is { } answer) Assert.Equal(expected, Seen.Of(answer).As(expected));
                // Everything that follows has happened before the next command: so the model needs no time.
                if (step.Order is { } order) await OrderBecomesAsync(shopper.Orders[order], model.Orders[order].Books);
                await shop.ShelfBecomesAsync(product, model.Shelf);
            }

            var one = new Case(product, shopper.Orders, model);
            await AssertBooksAsync(one, model.Orders.Count);
            for (var i = 0; i < model.Orders.Count; i++)
            {
                var expected = model.Read(i);
                Assert.Equal(expected, Seen.Of(await shopper.ReadAsync(i)).As(expected));
            }

            ended.Add(one);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Product {product} of {Units} units at {UnitPrice}:{told}", e);
        }
    }

    private async Task RaceAsync(Duel duel, ShopUser seller)
    {
        var product = await seller.NewProductAsync(Units, unitPrice: UnitPrice);
        var racers = new List<Racer>();
        foreach (var (life, buyer) in new[] { duel.One, duel.Other }.Zip(await shop.NewBuyersAsync(2)))
        {
            racers.Add(new(life, new Shopper(shop, seller, buyer, product, tryAgain: true)));
        }

        try
        {
            await Task.WhenAll(racers.Select(racer => RaceAsync(racer, product)));

            var all = new List<OrderBooks>();
            foreach (var racer in racers)
            {
                for (var i = 0; i < racer.Shopper.Orders.Count; i++)
                {
                    all.Add(await OrderAtRestAsync(racer.Shopper.Orders[i], racer.Expired.Contains(i)));
                }
            }

            var received = Units + racers.Sum(racer => racer.Received);
            var (sold, restocked) = (all.Sum(order => order.Sold), all.Sum(order => order.Restocked));
            var held = all.Where(order => order.State == "CREATED").Sum(order => order.Units);
            Assert.Equal(
                new Shelf(received - sold + restocked, held, received, sold, restocked, held),
                await shop.ShelfAsync(product));
            Assert.Equal(all.Count, await shop.ScalarAsync<long>("orderingdb", CountSql, product));
            Assert.Equal(all.Count, await shop.ScalarAsync<long>("catalogdb", HoldCountSql, product));
        }
        catch (Exception e)
        {
            var told = string.Join("\nagainst", racers.Select(racer => racer.Told));
            throw new InvalidOperationException($"Product {product} of {Units} units at {UnitPrice}:{told}", e);
        }
    }

    private async Task RaceAsync(Racer racer, Guid product)
    {
        foreach (var command in racer.Life.Commands)
        {
            racer.Told.Append($"\n{command}");
            if (await racer.Shopper.TakeAsync(command) is not { } step) continue;

            racer.Told.Append($"\n    {step}");
            Count(step);
            if (step.Answer is { } answer) Assert.True(RaceRules.Allows(step, Seen.Of(answer)), $"{step}");
            if (command is Command.Receive receive) racer.Received += receive.Units;
            if (command is Command.Expire) racer.Expired.Add(step.Order!.Value);
            RaceRules.AssertNothingLost(await shop.ShelfAsync(product));
        }
    }

    private async Task<OrderBooks> OrderAtRestAsync(Guid order, bool mustExpire)
    {
        var rest = await Eventually.GetAsync(
            async () =>
            {
                var books = await OrderBooks.ReadAsync(shop, order);
                return (Complaint: RaceRules.Complaint(books, mustExpire), Books: books);
            },
            read => read.Complaint is null, Patience, $"the books of order {order} agree");
        return rest.Books;
    }

    private void Count(Step step)
    {
        var seen = step.Answer is { } answer ? Seen.Of(answer) : new(0);
        var name = $"{step.Command.GetType().Name} {step.Request?.GetType().Name}: {seen.Status} {seen.Problem}";
        _answers.AddOrUpdate(name, 1, (_, count) => count + 1);
    }

    /// <summary>What these cases came to: a property that meets nothing proves nothing.</summary>
    private void TellAnswers()
    {
        foreach (var (name, count) in _answers.OrderBy(answer => answer.Key)) output.WriteLine($"{count,5} {name}");
    }

    private static Seen Expect(PurchaseModel model, Step step)
    {
        switch (step.Command)
        {
            case Command.Receive receive:
                return model.Receive(receive.Units);
            case Command.ReadProduct:
                return model.ReadProduct();
            case Command.Read:
                return model.Read(step.Order!.Value);
            case Command.Cancel cancel:
                return model.Cancel(step.Order!.Value, cancel.Restock);
            case Command.Expire:
                model.Expire(step.Order!.Value);
                return new(0);
            default:
                return model.Send(step.Key, step.Request!);
        }
    }

    private Task OrderBecomesAsync(Guid order, OrderBooks expected) => Eventually.GetAsync(
        () => OrderBooks.ReadAsync(shop, order), books => books == expected,
        Patience, $"the books of order {order} are {expected}");

    private async Task AssertBooksAsync(Case one, int orders)
    {
        Assert.Equal(one.Model.Shelf, await shop.ShelfAsync(one.Product));
        Assert.Equal(orders, await shop.ScalarAsync<long>("orderingdb", CountSql, one.Product));
        Assert.Equal(orders, await shop.ScalarAsync<long>("catalogdb", HoldCountSql, one.Product));
        for (var i = 0; i < orders; i++)
        {
            Assert.Equal(one.Model.Orders[i].Books, await OrderBooks.ReadAsync(shop, one.Orders[i]));
        }
    }

    /// <summary>One of two buyers, and what happened to it.</summary>
    private sealed record Racer(Life Life, Shopper Shopper)
    {
        public StringBuilder Told { get; } = new();

        public HashSet<int> Expired { get; } = [];

        public long Received { get; set; }
    }

    private sealed record Case(Guid Product, IReadOnlyList<Guid> Orders, PurchaseModel Model);
}
