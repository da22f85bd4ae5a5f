using System.Net.Http.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.Tests.StandIns.Hosting;

public sealed class LifecycleTests
{
    private const int KilledExitCode = 128 + 9;

    [Fact]
    public async Task A_resource_starts_only_when_what_it_waits_for_has_completed()
    {
        var started = new List<string>();
        var ended = new TaskCompletionSource<int?>();
        CustomResourceSnapshot? before = null;
        await using var app = await AppUnderTest.StartAsync(builder =>
        {
            var first = builder.AddShell("first", "sleep 0.3").OnBeforeResourceStarted((r, _, _) => Note(r));
            first.OnResourceStopped((_, e, _) =>
            {
                ended.TrySetResult(e.ResourceEvent.Snapshot.ExitCode);
                return Task.CompletedTask;
            });

            // Looked at, not taken from its event: that is raised while those who wait go on.
            builder.AddShell("second", "true").WaitForCompletion(first).OnBeforeResourceStarted((r, e, _) =>
            {
                var states = e.Services.GetRequiredService<ResourceNotificationService>();
                if (states.TryGetCurrentState("first", out var now)) before = now.Snapshot;
                return Note(r);
            });

            Task Note(ExecutableResource resource)
            {
                lock (started) started.Add(resource.Name);
                return Task.CompletedTask;
            }
        });

        await app.UntilAsync("second", KnownResourceStates.Finished);

        lock (started) Assert.Equal(["first", "second"], started);
        Assert.Equal(KnownResourceStates.Finished, before?.State?.Text);
        Assert.Equal(0, before?.ExitCode);
        Assert.Equal(0, await ended.Task.WaitAsync(AppUnderTest.Limit));
    }

    [Fact]
    public async Task What_waits_for_a_failed_completion_does_not_start()
    {
        await using var app = await AppUnderTest.StartAsync(builder =>
        {
            var failing = builder.AddShell("failing", "exit 3");
            builder.AddShell("after", "true").WaitForCompletion(failing);
        });

        var after = await app.UntilAsync("after", KnownResourceStates.FailedToStart);

        Assert.Contains(
            await app.LinesAsync(after.Resource), l => l.Contains("exit code 3", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_resource_waits_until_the_checks_of_another_pass()
    {
        var builder = DistributedApplicationTestingBuilder.Create();
        var echo = builder.AddEcho("echo");
        builder.AddShell("after", "true").WaitFor(echo);
        await using var app = await builder.BuildAsync();

        // Watched from before the start: who looks later may find it waiting no more.
        var passed = StatesUntilFinishedAsync();
        await app.StartAsync(AppUnderTest.Deadline);
        Assert.Contains(KnownResourceStates.Waiting, await passed);

        using var http = app.CreateHttpClient("echo");
        Assert.Equal("ok", await http.GetStringAsync("/health"));

        async Task<List<string?>> StatesUntilFinishedAsync()
        {
            var states = new List<string?>();
            await foreach (var e in app.ResourceNotifications.WatchAsync(AppUnderTest.Deadline))
            {
                if (e.Resource.Name != "after") continue;
                states.Add(e.Snapshot.State?.Text);
                if (states[^1] == KnownResourceStates.Finished) break;
            }

            return states;
        }
    }

    [Fact]
    public async Task Replicas_share_one_address_and_each_has_a_port_of_its_own()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddEcho("echo").WithReplicas(3));
        await app.ResourceNotifications.WaitForResourceHealthyAsync("echo", AppUnderTest.Deadline);

        var processes = new HashSet<int>();
        await AppUnderTest.EventuallyAsync(
            async () =>
            {
                using var http = app.CreateHttpClient("echo"); // A connection of its own.
                processes.Add(await http.GetFromJsonAsync<int>("/pid"));
                return processes.Count == 3;
            },
            "all three replicas answer");
    }

    [Fact]
    public async Task A_process_that_dies_is_shown_as_exited_with_its_code_and_the_others_go_on()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddEcho("echo").WithReplicas(2));
        await app.ResourceNotifications.WaitForResourceHealthyAsync("echo", AppUnderTest.Deadline);
        using (var http = app.CreateHttpClient("echo"))
        {
            // It dies before it answers. Without a body the client would ask again, and kill the other one too.
            using var body = new StringContent("now");
            await Record.ExceptionAsync(() => http.PostAsync("/crash", body));
        }

        var crashed = await app.UntilAsync("echo", KnownResourceStates.Exited);

        Assert.Equal(KilledExitCode, crashed.Snapshot.ExitCode);
        Assert.Equal(KnownResourceStateStyles.Error, crashed.Snapshot.State!.Style);
        await AppUnderTest.EventuallyAsync(
            async () =>
            {
                using var http = app.CreateHttpClient("echo");
                return await Record.ExceptionAsync(() => http.GetStringAsync("/health")) is null;
            },
            "the other replica answers");
    }

    [Fact]
    public async Task The_commands_stop_start_and_restart_a_resource()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddShell("server", "exec sleep 1000"));
        var commands = app.ResourceCommands;
        var first = await app.UntilAsync("server", KnownResourceStates.Running);

        Assert.True((await commands.ExecuteCommandAsync("server", KnownResourceCommands.RestartCommand)).Success);
        var second = await app.UntilAsync("server", KnownResourceStates.Running);
        Assert.NotEqual(first.ProcessId(), second.ProcessId());
        Assert.False(await Fixtures.Processes.IsAliveAsync(first.ProcessId()));

        Assert.True((await commands.ExecuteCommandAsync(second.Resource, KnownResourceCommands.StopCommand)).Success);
        await app.UntilAsync("server", KnownResourceStates.Exited);
        Assert.False(await Fixtures.Processes.IsAliveAsync(second.ProcessId()));

        var started = await commands.ExecuteCommandAsync(second.ResourceId, KnownResourceCommands.StartCommand);
        Assert.True(started.Success);
        await app.UntilAsync("server", KnownResourceStates.Running);
        Assert.False((await commands.ExecuteCommandAsync("server", "dance")).Success);
        Assert.False((await commands.ExecuteCommandAsync("nobody", KnownResourceCommands.StopCommand)).Success);
    }

    [Fact]
    public async Task Stopping_ends_every_process_also_one_that_ignores_being_asked()
    {
        var app = await AppUnderTest.StartAsync(builder =>
        {
            builder.AddShell("polite", "exec sleep 1000");
            builder.AddShell("stubborn", "trap '' TERM; echo deaf; while true; do sleep 1; done");
        });
        var polite = await app.UntilAsync("polite", KnownResourceStates.Running);
        var stubborn = await app.UntilAsync("stubborn", KnownResourceStates.Running);
        await AppUnderTest.EventuallyAsync(
            async () => (await app.LinesAsync(stubborn.Resource)).Contains("deaf"), "it ignores what it is asked");

        await app.StopAsync();

        Assert.False(await Fixtures.Processes.IsAliveAsync(polite.ProcessId()));
        Assert.False(await Fixtures.Processes.IsAliveAsync(stubborn.ProcessId()));
        await app.DisposeAsync();
    }

    [Fact]
    public async Task A_command_that_does_not_exist_fails_to_start_and_says_why()
    {
        await using var app = await AppUnderTest.StartAsync(
            builder => builder.AddExecutable("missing", "no-such-command", "/"));

        var missing = await app.UntilAsync("missing", KnownResourceStates.FailedToStart);

        Assert.Contains(
            await app.LinesAsync(missing.Resource), l => l.Contains("no-such-command", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_container_is_refused_with_a_reason_and_its_dependants_are_not_started()
    {
        await using var app = await AppUnderTest.StartAsync(builder =>
        {
            var database = builder.AddPostgres("postgres").AddDatabase("db");
            builder.AddShell("service", "true").WaitFor(database);
        });

        var server = await app.UntilAsync("postgres", KnownResourceStates.RuntimeUnhealthy);
        await app.UntilAsync("db", KnownResourceStates.RuntimeUnhealthy);
        await app.UntilAsync("service", KnownResourceStates.FailedToStart);

        Assert.Contains(
            await app.LinesAsync(server.Resource), l => l.Contains("no container engine", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Waiting_for_what_has_ended_fails_at_once_instead_of_hanging_the_test()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddShell("short", "exit 4"));
        await app.UntilAsync("short", KnownResourceStates.Exited);

        var thrown = await Record.ExceptionAsync(
            () => app.ResourceNotifications.WaitForResourceHealthyAsync("short", AppUnderTest.Deadline));

        var unavailable = Assert.IsType<DistributedApplicationException>(thrown);
        Assert.Contains("exit code 4", unavailable.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_explicit_start_waits_for_the_command()
    {
        await using var app = await AppUnderTest.StartAsync(
            builder => builder.AddShell("later", "exec sleep 1000").WithExplicitStart());
        await app.UntilAsync("later", KnownResourceStates.NotStarted);

        await app.ResourceCommands.ExecuteCommandAsync("later", KnownResourceCommands.StartCommand);

        await app.UntilAsync("later", KnownResourceStates.Running);
    }
}
