using Shop.ServiceDefaults.Cards;

namespace Shop.Tests.ServiceDefaults.Cards;

public sealed class PaymentMethodsTests
{
    [Theory]
    [InlineData("CARD", "tok_ok", null)]
    [InlineData("CARD", "tok_ok", 0L)]
    [InlineData("POINTS", null, null)]
    [InlineData("POINTS", null, 1_000L)]
    [InlineData("SPLIT", "tok_ok", 1L)]
    public void Good_terms_have_no_complaints(string method, string? token, long? points) =>
        Assert.Empty(PaymentMethods.Complaints(method, token, points));

    [Theory]
    [InlineData(null, "tok_ok", null, "method")]
    [InlineData("card", "tok_ok", null, "method")]
    [InlineData("CARD", null, null, "cardToken")]
    [InlineData("CARD", "tok_ok", 1L, "points")]
    [InlineData("POINTS", "tok_ok", null, "cardToken")]
    [InlineData("POINTS", null, 0L, "points")]
    [InlineData("SPLIT", null, 1L, "cardToken")]
    [InlineData("SPLIT", "tok_ok", null, "points")]
    [InlineData("SPLIT", "tok_ok", -1L, "points")]
    public void Bad_terms_name_their_field(string? method, string? token, long? points, string field) =>
        Assert.Equal([field], PaymentMethods.Complaints(method, token, points).Keys);

    [Theory]
    [InlineData("CARD", null, 1_000, 1_000, 0)]
    [InlineData("POINTS", null, 1_000, 0, 1_000)]
    [InlineData("POINTS", 1_000L, 1_000, 0, 1_000)]
    [InlineData("SPLIT", 1L, 1_000, 999, 1)]
    [InlineData("SPLIT", 999L, 1_000, 1, 999)]
    public void The_legs_add_up_to_the_amount(string method, long? points, long amount, long card, long leg) =>
        Assert.Equal((card, leg), PaymentMethods.Legs(method, points, amount));

    [Theory]
    [InlineData("POINTS", 999L, 1_000)]
    [InlineData("POINTS", 1_001L, 1_000)]
    [InlineData("SPLIT", 1_000L, 1_000)]
    [InlineData("SPLIT", long.MaxValue, 1_000)]
    [InlineData("SPLIT", 1L, 1)]
    public void Points_that_do_not_fit_are_told_and_never_split(string method, long points, long amount)
    {
        Assert.NotNull(PaymentMethods.PointsComplaint(method, points, amount));
        Assert.Throws<ArgumentException>(() => PaymentMethods.Legs(method, points, amount));
    }
}
