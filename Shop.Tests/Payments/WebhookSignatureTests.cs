using System.Security.Cryptography;
using System.Text;
using Shop.Payments.Webhooks;

namespace Shop.Tests.Payments;

public sealed class WebhookSignatureTests
{
    private const string Secret = "a secret";
    private static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private static readonly byte[] Body = """{"id":"1"}"""u8.ToArray();

    [Theory]
    [InlineData(0, SignatureVerdict.Valid)]
    [InlineData(300, SignatureVerdict.Valid)]
    [InlineData(-300, SignatureVerdict.Valid)]
    [InlineData(301, SignatureVerdict.OutsideWindow)]
    [InlineData(-301, SignatureVerdict.OutsideWindow)]
    public void A_signature_is_good_for_five_minutes(int ageSeconds, object verdict) =>
        Assert.Equal(verdict, Verify(Header(Now.ToUnixTimeSeconds() - ageSeconds, Body, Secret)));

    [Fact]
    public void Another_body_secret_or_time_is_refused()
    {
        var time = Now.ToUnixTimeSeconds();
        var mac = Header(time, Body, Secret).Split("v1=")[1];

        Assert.Equal(SignatureVerdict.Invalid, Verify(Header(time, """{"id":"2"}"""u8.ToArray(), Secret)));
        Assert.Equal(SignatureVerdict.Invalid, Verify(Header(time, Body, "another")));
        Assert.Equal(SignatureVerdict.Invalid, Verify($"t={time + 1},v1={mac}"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("t=1")]
    [InlineData("v1=00")]
    [InlineData("t=x,v1=zz")]
    [InlineData("t=-1,v1=0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("t=99999999999999999999,v1=0000000000000000000000000000000000000000000000000000000000000000")]
    public void A_malformed_header_is_refused(string? header) =>
        Assert.Equal(SignatureVerdict.Invalid, Verify(header));

    [Fact]
    public void Without_a_secret_nothing_is_believed() =>
        Assert.Equal(
            SignatureVerdict.Invalid,
            WebhookSignature.Verify(
                Header(Now.ToUnixTimeSeconds(), Body, ""), Body, "", Now, TimeSpan.FromMinutes(5)));

    // Made here from the text of the contract, not with the code under test.
    internal static string Header(long time, byte[] body, string secret)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{time}."), .. body];
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed);
        return $"t={time},v1={Convert.ToHexStringLower(mac)}";
    }

    private static SignatureVerdict Verify(string? header) =>
        WebhookSignature.Verify(header, Body, Secret, Now, TimeSpan.FromMinutes(5));
}
