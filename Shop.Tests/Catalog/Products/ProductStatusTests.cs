using Shop.Catalog.Products;

namespace Shop.Tests.Catalog.Products;

public sealed class ProductStatusTests
{
    [Fact]
    public void Only_these_changes_of_status_are_possible()
    {
        var possible =
            from before in Enum.GetValues<ProductStatus>()
            from after in Enum.GetValues<ProductStatus>()
            where before != after && before.MayBecome(after)
            select $"{before.ToText()} -> {after.ToText()}";

        Assert.Equal(
            [
                "DRAFT -> ON_SALE", "DRAFT -> DISCONTINUED", "ON_SALE -> SUSPENDED", "ON_SALE -> DISCONTINUED",
                "SUSPENDED -> ON_SALE", "SUSPENDED -> DISCONTINUED",
            ],
            possible);
        Assert.All(Enum.GetValues<ProductStatus>(), status => Assert.True(status.MayBecome(status)));
    }

    [Fact]
    public void A_status_reads_back_from_its_text() => Assert.All(
        Enum.GetValues<ProductStatus>(), status => Assert.Equal(status, ProductStatuses.Parse(status.ToText())));
}
