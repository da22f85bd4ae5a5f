using System.Net;
using Shop.ServiceDefaults.Idempotency;
using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.Idempotency;

/// <summary>
/// What <c>Idempotency-Key</c> promises, for one endpoint: derive, and say how to call it. Whatever is repeated, raced,
/// cut off or given up, a key has one effect and one answer, and what had no effect has used up no key.
/// </summary>
public abstract class IdempotencyConformance
{
    protected const string Key = "the-key";
    private const int AtOnce = 16;

    /// <summary>A new user with something to ask for, nobody else's.</summary>
    protected abstract Task<IdempotentCall> NewCallAsync();

    /// <summary>Stands before the database of <see cref="IdempotentCall.Route.LosingCommits"/>.</summary>
    protected abstract CommitLosingProxy Proxy { get; }

    /// <summary>False where a request without a key is allowed, and made anew each time.</summary>
    protected virtual bool NeedsKey => true;

    [Fact]
    public async Task Without_a_key_it_is_400_where_one_is_needed_and_nothing_happens()
    {
        var call = await NewCallAsync();

        var answer = await call.SendAsync(key: null);

        if (NeedsKey)
        {
            Assert.Equal((HttpStatusCode.BadRequest, "idempotency-key-missing"), (answer.Status, answer.Problem));
            Assert.Equal(0, await call.EffectsAsync());
        }
        else
        {
            Assert.Equal(call.Success, answer.Status);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"\"")]
    [InlineData("tab\there")]
    public async Task A_key_that_is_none_is_400_and_nothing_happens(string key)
    {
        var call = await NewCallAsync();

        var answer = await call.SendAsync(key);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(0, await call.EffectsAsync());
    }

    [Fact]
    public async Task A_replay_gets_the_same_answer_to_the_byte_and_says_so()
    {
        var call = await NewCallAsync();

        var first = await call.SendAsync(Key);
        var replay = await call.SendAsync(Key);
        var quoted = await call.SendAsync($"\"{Key}\"");

        Assert.Equal((call.Success, false), (first.Status, first.Replayed));
        Assert.Equal(first with { Replayed = true }, replay);
        Assert.Equal(replay, quoted);
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task Many_at_once_have_one_effect_and_the_same_answer_or_409()
    {
        var call = await NewCallAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => call.SendAsync(Key)));

        var successes = answers.Where(answer => answer.Status == call.Success).ToArray();
        Assert.NotEmpty(successes);
        Assert.Single(successes.Select(answer => answer.Body).Distinct());
        // Who meets the first one in flight may also be told that it is not decided yet.
        Assert.All(
            answers.Except(successes),
            answer => Assert.True(answer.Status is HttpStatusCode.Conflict or HttpStatusCode.Accepted, $"{answer}"));
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task The_same_key_with_another_request_is_422_and_changes_nothing()
    {
        var call = await NewCallAsync();
        var first = await call.SendAsync(Key);

        var other = await call.SendAsync(Key, otherBody: true);
        var replay = await call.SendAsync(Key);

        Assert.Equal(
            (HttpStatusCode.UnprocessableEntity, "idempotency-key-reused"), (other.Status, other.Problem));
        Assert.Equal(first with { Replayed = true }, replay);
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task Two_requests_under_one_key_at_once_are_one_of_the_two()
    {
        var call = await NewCallAsync();

        var answers = await Task.WhenAll(call.SendAsync(Key), call.SendAsync(Key, otherBody: true));

        Assert.Single(answers, answer => answer.Status == call.Success);
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.UnprocessableEntity);
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task Another_users_same_key_is_another_key()
    {
        var (call, neighbour) = (await NewCallAsync(), await NewCallAsync());

        var (mine, others) = (await call.SendAsync(Key), await neighbour.SendAsync(Key));

        Assert.Equal((call.Success, call.Success), (mine.Status, others.Status));
        Assert.NotEqual(mine.Body, others.Body);
        Assert.Equal((1, 1), (await call.EffectsAsync(), await neighbour.EffectsAsync()));
    }

    [Fact]
    public async Task A_failure_before_the_effect_uses_up_no_key()
    {
        var call = await NewCallAsync();
        await call.ObstructAsync(true);
        var refused = await call.SendAsync(Key);
        await call.ObstructAsync(false);
        var accepted = await call.SendAsync(Key);

        Assert.True(refused.Status >= HttpStatusCode.BadRequest, refused.Body);
        Assert.Equal((call.Success, false), (accepted.Status, accepted.Replayed));
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task Cut_off_before_its_COMMIT_nothing_is_kept_or_it_is_done_again()
    {
        var call = await NewCallAsync();
        Proxy.CutBeforeNextCommit();

        var cut = await call.SendAsync(Key, route: IdempotentCall.Route.LosingCommits);
        var retry = await call.SendAsync(Key);

        Assert.True(cut.Status == call.Success || cut.Status >= HttpStatusCode.InternalServerError, cut.Body);
        Assert.Equal(call.Success, retry.Status);
        Assert.Equal(1, await call.EffectsAsync());
    }

    [Fact]
    public async Task Cut_off_after_its_COMMIT_it_is_kept_once_and_the_retry_hears_of_it()
    {
        var call = await NewCallAsync();
        Proxy.LoseNextCommit();

        var cut = await call.SendAsync(Key, route: IdempotentCall.Route.LosingCommits);
        var retry = await call.SendAsync(Key);

        Assert.True(cut.Status == call.Success || cut.Status >= HttpStatusCode.InternalServerError, cut.Body);
        Assert.Equal((call.Success, true), (retry.Status, retry.Replayed));
        Assert.Equal(1, await call.EffectsAsync());
    }
}

/// <summary>The same for an endpoint that asks another service before it has its effect.</summary>
public abstract class IdempotencyOfSteps : IdempotencyConformance
{
    [Fact]
    public async Task Given_up_by_its_caller_half_way_it_has_one_effect_with_the_retry()
    {
        var call = await NewCallAsync();
        using var impatience = new CancellationTokenSource();
        var held = await call.HoldAsync();

        var givenUp = call.SendAsync(Key, ct: impatience.Token);
        await held.Reached;
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givenUp);
        held.LetGo();
        var retry = await call.SendAsync(Key);

        Assert.Equal(call.Success, retry.Status);
        Assert.Equal(1, await call.EffectsAsync());
    }
}

/// <summary>One request of one user that can be sent again and again.</summary>
public abstract class IdempotentCall
{
    public enum Route
    {
        Direct,

        /// <summary>By a replica whose connections can be cut at their COMMIT.</summary>
        LosingCommits,
    }

    /// <summary>The status of the answer when it works.</summary>
    public abstract HttpStatusCode Success { get; }

    /// <summary>How often it has happened, counted in the database.</summary>
    public abstract Task<long> EffectsAsync();

    /// <summary>While it is on, the request is refused, or cannot be decided, before it has an effect.</summary>
    public abstract Task ObstructAsync(bool on);

    /// <summary>Stops the next request half-way, at what it asks of another service.</summary>
    public virtual Task<Held> HoldAsync() => throw new NotSupportedException("It asks nobody.");

    public async Task<Answer> SendAsync(
        string? key, bool otherBody = false, Route route = Route.Direct, CancellationToken ct = default)
    {
        using var client = Client(route);
        using var request = Request(otherBody);
        if (key is not null) request.Headers.TryAddWithoutValidation(IdempotencyKey.Header, key);
        using var response = await client.SendAsync(request, ct);
        return new(
            response.StatusCode, await response.Content.ReadAsStringAsync(ct),
            response.Headers.TryGetValues(IdempotencyKey.ReplayedHeader, out var values) && values.Single() == "true");
    }

    protected abstract HttpClient Client(Route route);

    protected abstract HttpRequestMessage Request(bool otherBody);

    public sealed record Answer(HttpStatusCode Status, string Body, bool Replayed)
    {
        public string? Problem => System.Text.Json.JsonDocument.Parse(Body).RootElement.GetProperty("type").GetString()?
            ["urn:shop:".Length..];

        public override string ToString() => $"{(int)Status} {Body} {(Replayed ? "replayed" : "")}";
    }
}

/// <summary>A request that stands still: where a fake service would answer it, once it came there.</summary>
public sealed class Held
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Reached => _reached.Task.WaitAsync(Patience);

    public void LetGo() => _free.TrySetResult();

    /// <summary>What the fake service awaits.</summary>
    public Task StandAsync()
    {
        _reached.TrySetResult();
        return _free.Task.WaitAsync(Patience);
    }
}
