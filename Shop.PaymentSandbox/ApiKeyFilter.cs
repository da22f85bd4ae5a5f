using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Problems;

namespace Shop.PaymentSandbox;

/// <summary>Callers show an API key: the processor is another company and knows nothing of the shop's tokens.</summary>
internal sealed class ApiKeyFilter(IOptions<SandboxOptions> options) : IEndpointFilter
{
    public const string Header = "X-Api-Key";

    private readonly byte[] _expected = SHA256.HashData(Encoding.UTF8.GetBytes(options.Value.ApiKey));

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var sent = SHA256.HashData(Encoding.UTF8.GetBytes(context.HttpContext.Request.Headers[Header].ToString()));
        return CryptographicOperations.FixedTimeEquals(sent, _expected)
            ? await next(context)
            : Problems.Of(StatusCodes.Status401Unauthorized, "invalid-api-key", $"The {Header} is missing or wrong.");
    }
}
