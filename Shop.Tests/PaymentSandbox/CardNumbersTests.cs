using Shop.PaymentSandbox.Charges;

namespace Shop.Tests.PaymentSandbox;

public sealed class CardNumbersTests
{
    [Theory]
    [InlineData("4242424242424242", true)]
    [InlineData("2000000000000001", false)] // Luhn does not hold.
    [InlineData("tok_ok", false)]
    [InlineData("5105-1051 0510-5100", true)]
    [InlineData("card:6011111111111117!", true)]
    [InlineData("42424242424", false)] // Too short.
    [InlineData("1732147200000", false)] // A time in milliseconds.
    [InlineData("", false)]
    public void What_is_in_a_text(string text, bool expected) => Assert.Equal(expected, CardNumbers.IsIn(text));

    [Theory]
    [InlineData("4242424242424242", true)]
    [InlineData("4242 4242 4242 4242", true)]
    [InlineData("x4242424242424242", false)]
    [InlineData("01932b5c-4242-7242-8242-424242424242", false)]
    [InlineData("42424242424242424242", false)] // Too long.
    [InlineData("", false)]
    public void What_a_whole_text_is(string text, bool expected) => Assert.Equal(expected, CardNumbers.Is(text));

    [Fact]
    public void No_uuid_is_taken_for_a_card_number()
    {
        for (var i = 0; i < 20_000; i++) Assert.False(CardNumbers.Is(Guid.CreateVersion7().ToString()));
    }
}
