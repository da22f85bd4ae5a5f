using System.Net;
using System.Text.Json;
using Shop.ServiceDefaults.Http;

namespace Shop.Payments.Gateway;

/// <summary>PaymentSandbox over HTTP.</summary>
internal sealed class SandboxGateway(HttpClient http, SandboxOptions options, ILogger<SandboxGateway> log)
    : IPaymentGateway
{
    private const string KeyVoided = "urn:shop:key-voided";

    public async Task<ChargeResult> ChargeAsync(Charge charge, CancellationToken ct)
    {
        var (status, answer, why) = await SendAsync<ChargeAnswer>(HttpMethod.Post, "/v1/charges", charge, ct);
        return status switch
        {
            HttpStatusCode.OK => Judge(charge.Key, answer),
            // A voided key is final at the processor: nothing was captured and nothing will be.
            HttpStatusCode.Conflict when why == KeyVoided => new ChargeResult.Declined("voided"),
            // Every try sends the same bytes, so what is wrong with them now was wrong the first time.
            HttpStatusCode.BadRequest => Refused(charge.Key, why),
            _ => Undecided(charge.Key, status, why),
        };
    }

    public async Task<ChargeResult> FindChargeAsync(Guid key, CancellationToken ct)
    {
        var (status, answer, why) = await SendAsync<ChargeAnswer>(HttpMethod.Get, $"/v1/charges/{key}", null, ct);
        return status switch
        {
            HttpStatusCode.OK => Judge(key, answer),
            HttpStatusCode.NotFound => new ChargeResult.NotKnown(),
            _ => Undecided(key, status, why),
        };
    }

    public async Task<VoidResult> VoidAsync(Guid key, CancellationToken ct)
    {
        var (status, answer, why) =
            await SendAsync<VoidAnswer>(HttpMethod.Post, $"/v1/charges/{key}/void", null, ct);
        if (status == HttpStatusCode.OK && answer?.Result == "VOIDED") return new VoidResult.Voided();
        if (status == HttpStatusCode.OK && answer?.Result == "ALREADY_CAPTURED")
        {
            return new VoidResult.AlreadyCaptured();
        }

        return new VoidResult.Unknown(Explain(key, status, why));
    }

    public async Task<RefundResult> RefundAsync(Guid chargeKey, Guid refundKey, long amount, CancellationToken ct)
    {
        var (status, answer, why) = await SendAsync<RefundAnswer>(
            HttpMethod.Post, $"/v1/charges/{chargeKey}/refunds", new RefundRequest(refundKey, amount), ct);
        if (status == HttpStatusCode.OK && answer?.Status == "REFUNDED")
        {
            if (answer.Amount == amount) return new RefundResult.Refunded();
            log.LogError("Refund {Key} of {Asked} was answered as one of {Amount}", refundKey, amount, answer.Amount);
            return new RefundResult.Unknown($"the processor speaks of {answer.Amount}");
        }

        if (status == HttpStatusCode.OK && answer?.Status == "REFUSED")
        {
            return new RefundResult.Refused(answer.FailureCode ?? "refused");
        }

        return new RefundResult.Unknown(Explain(refundKey, status, why));
    }

    private ChargeResult Judge(Guid key, ChargeAnswer? answer) => answer?.Status switch
    {
        "CAPTURED" => new ChargeResult.Captured(answer.Amount),
        "DECLINED" => new ChargeResult.Declined(answer.FailureCode ?? "declined"),
        "VOIDED" => new ChargeResult.Declined("voided"),
        var status => Undecided(key, HttpStatusCode.OK, status ?? "an empty answer"),
    };

    private ChargeResult.Declined Refused(Guid key, string why)
    {
        log.LogError("The processor refuses charge {Key}: {Reason}", key, why);
        return new("refused");
    }

    private ChargeResult.Unknown Undecided(Guid key, HttpStatusCode? status, string why) =>
        new(Explain(key, status, why));

    private string Explain(Guid key, HttpStatusCode? status, string why)
    {
        var reason = $"{(status is null ? "no answer" : (int)status)}: {why}";
        log.LogWarning("The processor has not decided {Key}: {Reason}", key, reason);
        return reason;
    }

    /// <summary>
    /// Every call may be repeated: the key makes the second one the first. A 200 whose body can't be read is answered
    /// as no answer, since nothing can be decided from it; any other status stands by itself, with the type of its
    /// problem where it has one.
    /// </summary>
    private async Task<(HttpStatusCode? Status, TAnswer? Answer, string Why)> SendAsync<TAnswer>(
        HttpMethod method, string path, object? body, CancellationToken ct)
        where TAnswer : class
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add("X-Api-Key", options.ApiKey);
            if (body is not null) request.Content = JsonContent.Create(body, body.GetType(), options: ShopJson.Options);
            try
            {
                using var response = await http.SendAsync(request, ct);
                var status = response.StatusCode;
                if ((int)status >= 500 && attempt < options.Attempts) continue;
                if ((int)status >= 500) return (status, null, "the processor failed");
                return status == HttpStatusCode.OK
                    ? (status, await ReadAsync<TAnswer>(response, ct), "")
                    : (status, null, await ProblemTypeAsync(response, ct));
            }
            catch (ServiceUnavailableException e)
            {
                return (null, null, e.MayHaveArrived ? "it may have arrived" : "it was not sent");
            }
            catch (JsonException e)
            {
                return (null, null, $"an answer that is not its JSON: {e.Message}");
            }
        }
    }

    private static async Task<string> ProblemTypeAsync(HttpResponseMessage response, CancellationToken ct)
    {
        const string none = "a refusal without a reason";
        try
        {
            return (await ReadAsync<Problem>(response, ct))?.Type ?? none;
        }
        catch (JsonException)
        {
            return none; // The status says enough.
        }
    }

    private static async Task<TAnswer?> ReadAsync<TAnswer>(HttpResponseMessage response, CancellationToken ct)
        where TAnswer : class =>
        response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true
            ? await response.Content.ReadFromJsonAsync<TAnswer>(ShopJson.Options, ct)
            : null;

    private sealed record RefundRequest(Guid Key, long Amount);

    private sealed record ChargeAnswer(string? Status, long Amount, string? FailureCode);

    private sealed record VoidAnswer(string? Result);

    private sealed record RefundAnswer(string? Status, long Amount, string? FailureCode);

    private sealed record Problem(string? Type);
}
