using Shop.Tests.Fixtures;
using Shop.Tests.Purchase;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>Everybody who may ask, and the things of the buyer and the seller that they ask about.</summary>
internal sealed class Callers
{
    public const string Buyer = "buyer";
    public const string Other = "other customer";
    public const string Seller = "seller";
    public const string Rival = "other seller";
    public const string Admin = "admin";
    public const string Service = "service";
    public const string WrongService = "service without the scope";
    public const string NoToken = "no token";

    private readonly Dictionary<string, string?> _tokens = new() { [NoToken] = null };
    private string _orderingsToken = "";

    /// <summary>
    /// The names of all callers; the owners last, so that what a stranger did is not taken for theirs.
    /// </summary>
    public IEnumerable<string> Names => _tokens.Keys;

    public Subjects Subjects { get; private set; } = null!;

    public static async Task<Callers> GatherAsync(SecurityShop security)
    {
        var shop = security.Shop;
        var callers = new Callers();
        foreach (var (name, token) in Forgery.AllOf(await security.SigningKeyAsync())) callers._tokens[name] = token;

        var buyer = await shop.NewBuyerAsync();
        var seller = await shop.SampleUserAsync("seller1@shop.example");
        var workers = await security.ServiceTokenAsync("workers");
        callers._orderingsToken = await security.ServiceTokenAsync("ordering");
        callers._tokens[WrongService] = await security.ServiceTokenAsync("catalog");
        callers._tokens[Other] = (await shop.NewBuyerAsync()).Token;
        callers._tokens[Rival] = (await shop.SampleUserAsync("seller2@shop.example")).Token;
        callers._tokens[Service] = workers;
        callers._tokens[Seller] = seller.Token;
        callers._tokens[Buyer] = buyer.Token;
        callers._tokens[Admin] = (await shop.SampleUserAsync("admin@shop.example")).Token;
        callers.Subjects = await Subjects.MakeAsync(buyer, seller);
        return callers;
    }

    /// <summary>
    /// The token of a caller. Catalog may call Ordering and nobody else; Ordering may not call itself.
    /// </summary>
    public string? TokenOf(string caller, string askedService) =>
        caller == WrongService && askedService == "ordering" ? _orderingsToken : _tokens[caller];
}

/// <summary>Ids of one buyer's and one seller's things.</summary>
internal sealed record Subjects(
    Guid User, Guid Product, Guid Draft, Guid Order, Guid Unpaid, Guid Payable, Guid Payment, Guid Shipment)
{
    /// <summary>Puts the ids in place of their names in braces; <c>{new}</c> is another one at each call.</summary>
    public string Fill(string text) => text
        .Replace("{user}", $"{User}").Replace("{product}", $"{Product}").Replace("{draft}", $"{Draft}")
        .Replace("{order}", $"{Order}").Replace("{unpaid}", $"{Unpaid}").Replace("{payable}", $"{Payable}")
        .Replace("{payment}", $"{Payment}").Replace("{shipment}", $"{Shipment}")
        .Replace("{new}", $"{Guid.CreateVersion7()}").Replace("{new2}", $"{Guid.CreateVersion7()}");

    public static async Task<Subjects> MakeAsync(ShopUser buyer, ShopUser seller)
    {
        var me = await buyer.Identity.AskAsync("/users/me");
        var product = await NewProductAsync(seller, "ON_SALE");
        var draft = await NewProductAsync(seller, "DRAFT");
        var paid = await buyer.PlaceAsync(product, card: "tok_ok", key: NewKey());
        Assert.Equal(201, (int)paid.Status);
        var shipment = await Eventually.GetAsync(
            () => buyer.OrderAsync(paid.Id), order => order.Body.GetProperty("shipments").GetArrayLength() == 1);
        return new(
            me.Id, product, draft, paid.Id, (await buyer.PlaceAsync(product)).Id, (await buyer.PlaceAsync(product)).Id,
            paid.Body.GetProperty("payments")[0].GetProperty("id").GetGuid(),
            shipment.Body.GetProperty("shipments")[0].GetProperty("id").GetGuid());
    }

    private static async Task<Guid> NewProductAsync(ShopUser seller, string status)
    {
        var made = await seller.Catalog.PostAsync(
            "/products", new { name = "A thing", category = "things", unitPrice = 1_000, status });
        Assert.Equal(201, (int)made.Status);
        var received = await seller.Catalog.PostAsync(
            $"/products/{made.Id}/stock", new { quantity = 1_000, reason = "first" });
        Assert.Equal(200, (int)received.Status);
        return made.Id;
    }
}
