using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.Hosting;
using SampleHost;

namespace Shop.Tests.StandIns.Hosting;

public sealed class TestingBuilderTests
{
    [Fact]
    public async Task An_AppHost_is_built_up_to_where_the_test_takes_over()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Echo>(AppUnderTest.Deadline);
        builder.Resources.Remove(builder.Resources.Single(r => r.Name == "server"));
        var echo = builder.Resources.OfType<ProjectResource>().Single();
        echo.Annotations.Remove(echo.Annotations.OfType<WaitAnnotation>().Single());

        await using var app = await builder.BuildAsync(AppUnderTest.Deadline);
        await app.StartAsync(AppUnderTest.Deadline);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("echo", AppUnderTest.Deadline);

        using var http = app.CreateHttpClient("echo", "http");
        Assert.Equal("ok", await http.GetStringAsync("/health"));
        Assert.Equal(Environments.Development, builder.Environment.EnvironmentName);
    }

    [Fact]
    public async Task Two_applications_run_at_once_in_one_process()
    {
        var apps = await Task.WhenAll(StartAsync(), StartAsync());

        Assert.NotEqual(apps[0].GetEndpoint("echo").Port, apps[1].GetEndpoint("echo").Port);
        foreach (var app in apps)
        {
            using var http = app.CreateHttpClient("echo");
            Assert.Equal("ok", await http.GetStringAsync("/health"));
            await app.DisposeAsync();
        }

        static async Task<DistributedApplication> StartAsync()
        {
            await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Echo>();
            var app = await builder.BuildAsync();
            await app.StartAsync(AppUnderTest.Deadline);
            await app.ResourceNotifications.WaitForResourceHealthyAsync("echo", AppUnderTest.Deadline);
            return app;
        }
    }

    [Fact]
    public async Task Ports_are_free_ones_whatever_the_launch_profile_says()
    {
        await using var app = await AppUnderTest.StartAsync(
            builder => builder.AddEcho("echo").WithEndpoint("http", e => e.Port = 5202));

        Assert.NotEqual(5202, app.GetEndpoint("echo").Port);
    }

    [Fact]
    public async Task What_the_AppHost_throws_reaches_the_test()
    {
        var thrown = await Record.ExceptionAsync(
            () => DistributedApplicationTestingBuilder.CreateAsync<Echo>(["--Sample:Fail=on purpose"]));

        Assert.Equal("on purpose", Assert.IsType<InvalidOperationException>(thrown).Message);
    }

    [Fact]
    public async Task An_argument_of_the_test_reaches_the_AppHost_and_the_configuration()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Echo>(["--Some:Key=value"]);

        Assert.Equal("value", builder.Configuration["Some:Key"]);
    }

    [Fact]
    public async Task An_application_that_was_never_started_can_be_disposed()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Echo>();
        var app = await builder.BuildAsync();

        await app.DisposeAsync();

        Assert.Throws<ObjectDisposedException>(() => app.Services.GetService(typeof(DistributedApplicationModel)));
    }

    [Fact]
    public void A_name_is_given_once()
    {
        using var builder = DistributedApplicationTestingBuilder.Create();
        builder.AddExecutable("twice", "true", "/");

        Assert.Throws<DistributedApplicationException>(() => builder.AddExecutable("Twice", "true", "/"));
    }
}
