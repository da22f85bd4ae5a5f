using Aspire.Hosting;
using Microsoft.Extensions.Configuration;
using Shop.AppHost.Infrastructure;
using Shop.Tests.Fixtures;

namespace Shop.Tests.AppHost;

public sealed class ServersTests
{
    [Theory]
    [InlineData("containers", "Containers")]
    [InlineData("Native", "Native")]
    [InlineData("external", "External")]
    public void The_configured_infrastructure_is_taken(string configured, string expected) =>
        Assert.Equal(expected, ServerExtensions.Kind(With(("Infrastructure", configured))).ToString());

    [Fact]
    public void An_unknown_infrastructure_is_refused_with_the_choices()
    {
        var refusal = Assert.Throws<DistributedApplicationException>(
            () => ServerExtensions.Kind(With(("Infrastructure", "cloud"))));

        Assert.Equal("Infrastructure=cloud is unknown; choose containers, native or external.", refusal.Message);
    }

    [Fact]
    public void An_engine_named_by_its_host_variable_means_containers() =>
        Assert.Equal(ServerKind.Containers, ServerExtensions.Kind(With(("DOCKER_HOST", "tcp://127.0.0.1:2375"))));

    [Theory]
    [InlineData("run/docker.sock")]
    [InlineData("run/podman/podman.sock")]
    public void An_engine_that_listens_means_containers(string socket)
    {
        var folder = TestFolder.Create();
        try
        {
            var runtime = Path.Combine(folder.Path, "run");
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.Path, socket))!);
            File.WriteAllText(Path.Combine(folder.Path, socket), "");

            Assert.Equal(ServerKind.Containers, ServerExtensions.Kind(With(("XDG_RUNTIME_DIR", runtime))));
        }
        finally
        {
            folder.Delete();
        }
    }

    [Theory]
    [InlineData(false, false, "PostgreSQL and Redis are not installed: run `{0} {1} {2}`")]
    [InlineData(true, false, "Redis is not installed: run `{0} {2}`")]
    [InlineData(false, true, "PostgreSQL is not installed: run `{0} {1}`")]
    public void What_is_missing_is_named_with_the_command_that_installs_it(bool postgres, bool redis, string expected)
    {
        var folder = TestFolder.Create();
        try
        {
            if (postgres) Touch(folder, "postgres", "initdb");
            if (redis) Touch(folder, "redis-server");

            string[] words = OperatingSystem.IsMacOS()
                ? ["brew install", "postgresql@17", "redis"]
                : ["sudo apt-get install -y", "postgresql", "redis-server"];
            Assert.Equal(
                string.Format(null, expected, words) + ", start Docker or Podman, or set Infrastructure=external.",
                Binaries.Missing(With(("BinaryPath", folder.Path))));
        }
        finally
        {
            folder.Delete();
        }
    }

    [Fact]
    public void Nothing_is_missing_where_all_binaries_are()
    {
        var folder = TestFolder.Create();
        try
        {
            Touch(folder, "postgres", "initdb", "redis-server");

            Assert.Null(Binaries.Missing(With(("BinaryPath", folder.Path))));
        }
        finally
        {
            folder.Delete();
        }
    }

    [Fact]
    public void A_folder_that_a_server_without_root_cannot_enter_is_replaced_by_one_that_it_can()
    {
        if (OperatingSystem.IsWindows()) return; // Folders have no such modes there.

        var folder = TestFolder.Create();
        try
        {
            var closed = Directory.CreateDirectory(Path.Combine(folder.Path, "closed")).FullName;
            File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var data = Path.Combine(closed, "data");

            Assert.StartsWith("/var/lib/shop/", DataFolder.ReachableBy("postgres", data), StringComparison.Ordinal);
            Assert.Equal(data, DataFolder.ReachableBy(null, data));
            Assert.Equal(folder.Path, DataFolder.ReachableBy("postgres", folder.Path));
        }
        finally
        {
            folder.Delete();
        }
    }

    private static void Touch(TestFolder folder, params string[] files)
    {
        foreach (var file in files) File.WriteAllText(Path.Combine(folder.Path, file), "");
    }

    private static IConfiguration With(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value))
            .Build();
}
