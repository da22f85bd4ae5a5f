using Shop.ServiceDefaults.Cards;

namespace Shop.Tests.ServiceDefaults.Cards;

public sealed class CardTokensTests
{
    [Theory]
    [InlineData("4242424242424242")]
    [InlineData("4242 4242 4242 4242")]
    [InlineData("4242-4242-4242-4242")]
    [InlineData("378282246310005")]
    [InlineData("6304000000000000")]
    [InlineData("4242424242424241")] // One digit mistyped: still most of a card number.
    [InlineData("tok_4242424242424242")]
    [InlineData("4242_4242_4242_4242")]
    [InlineData("card=5555555555554444;cvc=123")]
    [InlineData("tok_99994242424242424242999")]
    public void What_looks_like_a_card_number_is_refused_without_being_repeated(string text)
    {
        Assert.True(CardTokens.LooksLikeCardNumber(text));
        Assert.DoesNotContain(text, CardTokens.Complaint(text)!, StringComparison.Ordinal);
        Assert.Contains("card number", CardTokens.Complaint(text)!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tok_ok")]
    [InlineData("tok_timeout_captured")]
    [InlineData("tok_flaky_2")]
    [InlineData("pm_1N2x3Y")]
    [InlineData("12345678901")]
    public void The_processors_tokens_are_taken(string token) => Assert.Null(CardTokens.Complaint(token));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("tok ok")]
    [InlineData("tok\n")]
    [InlineData("tök")]
    public void Anything_else_is_refused(string? token) => Assert.NotNull(CardTokens.Complaint(token));

    [Fact]
    public void A_token_has_up_to_100_characters()
    {
        Assert.Null(CardTokens.Complaint(new string('t', 100)));
        Assert.NotNull(CardTokens.Complaint(new string('t', 101)));
    }
}
