using Microsoft.Extensions.Logging.Abstractions;
using Shop.Payments.Gateway;
using Shop.Tests.PaymentSandbox;

namespace Shop.Tests.Payments;

/// <summary>The gateway against the sandbox itself: what is misread here is misread in production.</summary>
public sealed class SandboxGatewayTests : IClassFixture<SandboxService>, IDisposable
{
    private readonly HttpClient _http;
    private readonly SandboxGateway _gateway;
    private readonly Guid _key = Guid.CreateVersion7();

    public SandboxGatewayTests(SandboxService sandbox)
    {
        _http = new() { BaseAddress = sandbox.Http.BaseAddress };
        _gateway = new(_http, new() { ApiKey = SandboxService.ApiKey }, NullLogger<SandboxGateway>.Instance);
    }

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_charge_nobody_made_is_not_known() =>
        Assert.Equal(new ChargeResult.NotKnown(), await _gateway.FindChargeAsync(_key, default));

    [Fact]
    public async Task A_voided_key_is_declined_for_good()
    {
        Assert.Equal(new VoidResult.Voided(), await _gateway.VoidAsync(_key, default));

        Assert.Equal(new ChargeResult.Declined("voided"), await ChargeAsync("tok_ok"));
        Assert.Equal(new ChargeResult.Declined("voided"), await _gateway.FindChargeAsync(_key, default));
    }

    [Fact]
    public async Task What_the_processor_refuses_to_read_is_declined_for_good() =>
        Assert.Equal(new ChargeResult.Declined("refused"), await ChargeAsync("4242424242424242"));

    [Fact]
    public async Task A_captured_charge_is_found_refunded_and_can_not_be_voided()
    {
        Assert.Equal(new ChargeResult.Captured(1_000), await ChargeAsync("tok_flaky_2"));
        Assert.Equal(new ChargeResult.Captured(1_000), await _gateway.FindChargeAsync(_key, default));
        Assert.Equal(new VoidResult.AlreadyCaptured(), await _gateway.VoidAsync(_key, default));

        var refund = Guid.CreateVersion7();
        Assert.Equal(new RefundResult.Refunded(), await _gateway.RefundAsync(_key, refund, 400, default));
        Assert.Equal(new RefundResult.Refunded(), await _gateway.RefundAsync(_key, refund, 400, default));
        Assert.IsType<RefundResult.Refused>(await _gateway.RefundAsync(_key, Guid.CreateVersion7(), 601, default));
    }

    [Fact]
    public async Task Another_amount_under_a_used_key_decides_nothing()
    {
        await ChargeAsync("tok_ok");

        var other = await _gateway.ChargeAsync(new(_key, 2_000, "KRW", "tok_ok"), default);

        Assert.Contains("key-reused", Assert.IsType<ChargeResult.Unknown>(other).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_api_key_decides_nothing()
    {
        var stranger = new SandboxGateway(
            _http, new() { ApiKey = "another-key" }, NullLogger<SandboxGateway>.Instance);

        Assert.IsType<ChargeResult.Unknown>(await stranger.ChargeAsync(new(_key, 1, "KRW", "tok_ok"), default));
        Assert.IsType<ChargeResult.Unknown>(await stranger.FindChargeAsync(_key, default));
        Assert.IsType<VoidResult.Unknown>(await stranger.VoidAsync(_key, default));
    }

    private Task<ChargeResult> ChargeAsync(string token) =>
        _gateway.ChargeAsync(new(_key, 1_000, "KRW", token), default);
}
