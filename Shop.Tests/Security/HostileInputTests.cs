using System.Net.Http.Headers;
using System.Text;
using static Shop.Tests.Purchase.Buying;

namespace Shop.Tests.Security;

/// <summary>
/// Every field of every request, every address and the headers that we read, fed with what nobody should send, by a
/// caller who gets as far as the code that reads it.
/// </summary>
[Collection(SecurityShopCollection.Name)]
public sealed class HostileInputTests(SecurityShop security)
{
    private const int AtOnce = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<string> _complaints = [];
    private readonly List<string> _refusedMarks = [];
    private int _marks;
    private int _usersMade;

    [Fact]
    public async Task Nothing_that_is_sent_ends_in_an_error_of_ours_or_is_kept_after_it_was_refused()
    {
        var documents = await ApiDocuments.ReadAsync(security.Shop);
        var callers = await Callers.GatherAsync(security);
        var shapes = new RequestShapes(documents, name => GoodValue(name, callers.Subjects));
        var usersBefore = await CountUsersAsync();

        var attacks = documents.Endpoints.SelectMany(endpoint => AttacksOn(endpoint, shapes, callers)).ToList();
        Assert.True(attacks.Count > 2_000, $"{attacks.Count} requests");
        await Parallel.ForEachAsync(
            attacks, new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (attack, _) => await SendAsync(attack));

        Assert.True(_complaints.Count == 0, string.Join('\n', _complaints.Take(40)));
        Assert.Equal(usersBefore + _usersMade, await CountUsersAsync());
        foreach (var database in StoredText.Databases)
        {
            var text = await StoredText.OfDatabaseAsync(security.Shop, database);
            var kept = _refusedMarks.Where(mark => text.Contains(mark, StringComparison.Ordinal)).ToList();
            Assert.True(kept.Count == 0, $"{database} keeps what was refused: {string.Join(", ", kept.Take(10))}");
        }
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused_before_it_is_read()
    {
        var callers = await Callers.GatherAsync(security);
        using var client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = Patience });
        client.BaseAddress = security.Shop.Ordering.BaseAddress;
        client.DefaultRequestHeaders.Authorization = new("Bearer", callers.TokenOf(Callers.Buyer, "ordering"));
        using var body = new StringContent(
            $$"""{"shippingAddress":"{{new string('x', 2 << 20)}}"}""", Encoding.UTF8, "application/json");

        // The body is not sent before the answer, however late that is (by default .NET waits a second): else the
        // answer may be lost with the connection that the server resets.
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders") { Content = body };
        request.Headers.ExpectContinue = true;
        using var answer = await client.SendAsync(request);

        Assert.Equal(413, (int)answer.StatusCode);
    }

    private IEnumerable<Attack> AttacksOn(ApiEndpoint endpoint, RequestShapes shapes, Callers callers)
    {
        if (AccessTable.Rows.FirstOrDefault(row => row.IsAbout(endpoint)) is not { } row)
        {
            yield break; // The matrix names it.
        }

        var admitted = callers.Names.Reverse().FirstOrDefault(name => row.Expected(name) is not (401 or 403))
            ?? Callers.NoToken;
        var token = callers.TokenOf(admitted, endpoint.Service);
        var address = callers.Subjects.Fill(row.Address);
        Attack Plain(string what, string to, string? body = null, string mark = "", string? key = null) =>
            new(endpoint, what, to, body, token, mark, key ?? NewKey());

        foreach (var (field, body) in shapes.Of(endpoint))
        {
            foreach (var (name, json, mark) in HostileValues.Marked(NewMark))
            {
                yield return Plain(
                    $"{field}: {name}", address, body.Replace($"\"{RequestShapes.Placeholder}\"", json), mark);
            }
        }

        if (row.Body is { Length: > 0 } good)
        {
            foreach (var body in HostileValues.WholeBodies) yield return Plain("the body", address, body);
            foreach (var key in HostileValues.Plain)
            {
                yield return Plain("Idempotency-Key", address, callers.Subjects.Fill(good), key: key);
            }
        }

        foreach (var value in HostileValues.Plain)
        {
            foreach (var name in ApiDocuments.ParametersOf(endpoint, "query"))
            {
                yield return Plain($"?{name}", $"{address.Split('?')[0]}?{name}={value}", row.Body);
            }

            if (endpoint.Route.Contains('{'))
            {
                var cut = row.Address.LastIndexOf('{');
                var end = row.Address.IndexOf('}', cut);
                var to = row.Address[..cut] + value + row.Address[(end + 1)..];
                yield return Plain("the path", callers.Subjects.Fill(to), row.Body);
            }
        }
    }

    private async Task SendAsync(Attack attack)
    {
        using var request = new HttpRequestMessage(new HttpMethod(attack.Endpoint.Method), attack.Address);
        if (attack.Body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(attack.Body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        if (attack.Token is not null) request.Headers.Authorization = new("Bearer", attack.Token);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", attack.Key);
        request.Headers.TryAddWithoutValidation("If-Match", "*");
        using var answer = await SendAsync(attack, request);
        if (answer is null) return;
        var text = await answer.Content.ReadAsStringAsync();
        var status = (int)answer.StatusCode;
        lock (_complaints)
        {
            if (status >= 500 || TellsTooMuch(text))
            {
                var start = text[..Math.Min(300, text.Length)];
                _complaints.Add($"{attack.Endpoint.Name}, {attack.What}: {status} {start}");
            }

            // A request line with a NUL is refused by the server itself, before there is anybody to explain it.
            var byServer = status == 400 && text.Length == 0 && attack.Address.Contains("%00");
            if (status >= 400 && !byServer
                && answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            {
                _complaints.Add($"{attack.Endpoint.Name}, {attack.What}: {status} is no problem document");
            }

            if (status >= 400 && attack.Mark.Length > 0) _refusedMarks.Add(attack.Mark);
            if (status == 201 && attack.Endpoint.Name == "identity POST /users") _usersMade++;
        }
    }

    private async Task<HttpResponseMessage?> SendAsync(Attack attack, HttpRequestMessage request)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            return await security.Client(attack.Endpoint.Service).SendAsync(request, patience.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException or HttpRequestException)
        {
            lock (_complaints) _complaints.Add($"{attack.Endpoint.Name}, {attack.What}: {failure.Message}");
            return null;
        }
    }

    private static bool TellsTooMuch(string text) =>
        text.Contains("Exception", StringComparison.Ordinal) || text.Contains("   at ", StringComparison.Ordinal)
        || text.Contains("Npgsql", StringComparison.Ordinal) || text.Contains("System.", StringComparison.Ordinal);

    private string NewMark() => $"hostile{Interlocked.Increment(ref _marks):d6}z";

    private Task<long> CountUsersAsync() =>
        security.Shop.ScalarAsync<long>("identitydb", "select count(*) from users");

    /// <summary>
    /// What makes a request good, by the name of a field; a field without one is left out of good bodies.
    /// </summary>
    private static string? GoodValue(string field, Subjects subjects) => field switch
    {
        "email" => $"\"{Guid.CreateVersion7():n}@test.example\"",
        "password" => "\"a-long-test-password\"",
        "name" or "category" or "reason" => "\"A\"",
        "unitPrice" or "amount" or "quantity" or "totalQuantity" => "1",
        "ttlSeconds" => "60",
        "currency" => "\"KRW\"",
        "lines" => $$"""[{"productId":"{{subjects.Product}}","quantity":1}]""",
        "productId" => $"\"{subjects.Product}\"",
        "orderId" or "paymentId" or "refundId" or "key" => $"\"{Guid.CreateVersion7()}\"",
        "userId" => $"\"{subjects.User}\"",
        "orderIds" => $"[\"{Guid.CreateVersion7()}\"]",
        "method" => "\"CARD\"",
        "cardToken" => "\"tok_ok\"",
        "roles" => "[\"customer\"]",
        "refreshToken" => "\"nothing\"",
        "clientId" => "\"workers\"",
        "clientSecret" => "\"wrong\"",
        _ => null,
    };

    private sealed record Attack(
        ApiEndpoint Endpoint, string What, string Address, string? Body, string? Token, string Mark, string Key);
}
