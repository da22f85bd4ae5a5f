using System.Security.Cryptography;
using System.Text;
using Shop.ServiceDefaults.PersonalData;

namespace Shop.Tests.ServiceDefaults.PersonalData;

public sealed class KeyRingTests
{
    private const string Old = "a secret that is long enough";
    private const string New = "another secret, long enough";

    private static readonly byte[] Value = Encoding.UTF8.GetBytes("ann@example.com");

    [Fact]
    public void A_sealed_value_opens_under_its_key_purpose_and_context_alone()
    {
        var ring = new KeyRing(Old, [], "a");
        var box = ring.Seal(Value, "row 1");

        Assert.Equal(Value, ring.Open(box, "row 1"));
        Assert.NotEqual(box, ring.Seal(Value, "row 1"));
        Assert.Throws<AuthenticationTagMismatchException>(() => ring.Open(box, "row 2"));
        AssertClosed(new KeyRing(Old, [], "b"), box);
        AssertClosed(new KeyRing(New, [], "a"), box);
        for (var i = 0; i < box.Length; i++)
        {
            byte[] changed = [.. box];
            changed[i] ^= 1;
            AssertClosed(ring, changed);
        }

        AssertClosed(ring, box[..20]);
    }

    [Fact]
    public void A_former_secret_opens_what_it_sealed_until_it_is_sealed_anew()
    {
        var before = new KeyRing(Old, [], "a");
        var during = new KeyRing(New, [Old], "a");
        var after = new KeyRing(New, [], "a");
        var box = before.Seal(Value, "row 1");

        Assert.Equal(Value, during.Open(box, "row 1"));
        Assert.False(during.IsCurrent(box));
        AssertClosed(after, box);

        var anew = during.Reseal(box, "row 1");

        Assert.True(after.IsCurrent(anew));
        Assert.Equal(Value, after.Open(anew, "row 1"));
        AssertClosed(before, anew);
    }

    private static void AssertClosed(KeyRing ring, byte[] box) =>
        Assert.ThrowsAny<CryptographicException>(() => { ring.Open(box, "row 1"); });
}
