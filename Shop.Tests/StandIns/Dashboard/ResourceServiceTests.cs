using System.Buffers.Binary;
using System.Net;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Dashboard;
using Aspire.Hosting.Dashboard.Wire;
using Aspire.Hosting.Testing;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Shop.Tests.StandIns.Hosting;

namespace Shop.Tests.StandIns.Dashboard;

/// <summary>Asks what the genuine dashboard asks, in the bytes that it sends.</summary>
public sealed class ResourceServiceTests : IAsyncLifetime
{
    private const string Script = "echo one; echo two >&2; exec sleep 1000";

    private readonly HttpClient _client = new();
    private DistributedApplication _app = null!;
    private string _key = "";

    public async Task InitializeAsync()
    {
        var builder = DistributedApplicationTestingBuilder.Create([], (options, _) => options.DisableDashboard = false);
        var parent = builder.AddShell("parent", Script);
        builder.AddShell("child", Script).WithParentRelationship(parent);
        _app = await builder.BuildAsync();
        await _app.StartAsync(AppUnderTest.Deadline);
        await _app.UntilAsync("child", "Running");
        _key = builder.Configuration["AppHost:ResourceService:ApiKey"]!;
        _client.BaseAddress = new Uri(
            await _app.Services.GetRequiredService<ResourceService>().StartAsync(AppUnderTest.Deadline));
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task Without_the_key_nothing_is_told()
    {
        _key = "another";
        using var answer = await CallAsync("GetApplicationInformation");

        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal("16", Status(answer));
    }

    [Fact]
    public async Task What_it_does_not_know_is_unimplemented()
    {
        using var answer = await CallAsync("WatchTerminals");

        await answer.Content.ReadAsByteArrayAsync();
        Assert.Equal("12", Status(answer));
    }

    [Fact]
    public async Task A_watch_gets_every_resource_first_and_then_what_a_command_changes()
    {
        using var answer = await CallAsync("WatchResources");
        await using var stream = await answer.Content.ReadAsStreamAsync();

        var initial = (await ReadAsync(stream, WatchResourcesUpdate.Parser)).InitialData.Resources;
        var child = Assert.Single(initial, r => r.DisplayName == "child");
        Assert.Equal("Running", child.State);
        Assert.Contains(child.Relationships, r => r is { ResourceName: "parent", Type: "Parent" });
        Assert.Contains(child.Properties, p => p.Name == "executable.pid" && p.Value.NumberValue > 1);
        Assert.Equal(["restart", "start", "stop"], child.Commands.Select(c => c.Name).Order());

        // Only then the watch begins, with every state once more: what changed before that would come as its outcome.
        var states = new List<string>();
        while (states.Count == 0) await ReadStatesAsync();

        var stop = new ResourceCommandRequest { CommandName = "stop", ResourceName = child.Name };
        using var stopped = await CallAsync("ExecuteResourceCommand", stop);
        await using var outcome = await stopped.Content.ReadAsStreamAsync();
        Assert.Equal(
            ResourceCommandResponseKind.Succeeded, (await ReadAsync(outcome, ResourceCommandResponse.Parser)).Kind);

        while (!states.Contains("Exited")) await ReadStatesAsync();

        Assert.Contains("Stopping", states);

        async Task ReadStatesAsync()
        {
            var changes = (await ReadAsync(stream, WatchResourcesUpdate.Parser)).Changes.Value;
            states.AddRange(changes.Where(c => c.Upsert.Name == child.Name).Select(c => c.Upsert.State));
        }
    }

    [Fact]
    public async Task A_command_that_does_not_exist_fails_with_its_reason()
    {
        var request = new ResourceCommandRequest { CommandName = "paint", ResourceName = "parent" };
        using var answer = await CallAsync("ExecuteResourceCommand", request);
        await using var stream = await answer.Content.ReadAsStreamAsync();

        var response = await ReadAsync(stream, ResourceCommandResponse.Parser);
        Assert.Equal(ResourceCommandResponseKind.Failed, response.Kind);
        Assert.Contains("paint", response.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_lines_of_a_resource_come_with_their_numbers_and_the_answer_ends_unless_it_follows()
    {
        Assert.True(_app.ResourceNotifications.TryGetCurrentState("parent", out var parent));
        var model = _app.Services.GetRequiredService<DistributedApplicationModel>();
        var resource = model.Resources.Single(r => r.Name == "parent");
        await AppUnderTest.EventuallyAsync(
            async () => (await _app.LinesAsync(resource)).Count == 2, "both lines");

        var request = new WatchResourceConsoleLogsRequest { ResourceName = parent.ResourceId, SuppressFollow = true };
        using var answer = await CallAsync("WatchResourceConsoleLogs", request);
        using var all = new MemoryStream(await answer.Content.ReadAsByteArrayAsync());

        var lines = (await ReadAsync(all, WatchResourceConsoleLogsUpdate.Parser)).LogLines;
        Assert.Equal(["one", "two"], lines.Select(l => l.Text).Order());
        Assert.True(lines.Single(l => l.Text == "two").IsStdErr);
        Assert.Equal([1, 2], lines.Select(l => l.LineNumber));
        Assert.Equal("0", Status(answer));
    }

    private async Task<HttpResponseMessage> CallAsync(string method, IMessage? message = null)
    {
        var body = message?.ToByteArray() ?? [];
        var frame = new byte[5 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        body.CopyTo(frame, 5);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/aspire.v1.DashboardService/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { ContentType = new("application/grpc") } },
        };
        request.Headers.Add("x-resource-service-api-key", _key);
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, AppUnderTest.Deadline);
    }

    private static async Task<T> ReadAsync<T>(Stream stream, MessageParser<T> parser) where T : IMessage<T>
    {
        var prefix = new byte[5];
        await stream.ReadExactlyAsync(prefix, AppUnderTest.Deadline);
        var message = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(1))];
        await stream.ReadExactlyAsync(message, AppUnderTest.Deadline);
        return parser.ParseFrom(message);
    }

    // Without a message, headers and trailers are one block, and the client takes them all for headers.
    private static string Status(HttpResponseMessage answer) =>
        answer.TrailingHeaders.TryGetValues("grpc-status", out var trailer)
            ? trailer.Single()
            : answer.Headers.GetValues("grpc-status").Single();
}
