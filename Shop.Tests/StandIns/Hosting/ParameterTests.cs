using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace Shop.Tests.StandIns.Hosting;

public sealed class ParameterTests
{
    [Fact]
    public async Task A_generated_password_has_the_length_and_the_characters_asked_for()
    {
        using var builder = DistributedApplicationTestingBuilder.Create();
        var parameter = ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(
            builder, "password", special: false, minNumeric: 2);

        var value = await parameter.GetValueAsync(CancellationToken.None);

        Assert.Matches("^[A-Za-z0-9]{22,}$", value);
        Assert.True(value!.Count(char.IsAsciiDigit) >= 2);
        Assert.Equal(value, await parameter.GetValueAsync(CancellationToken.None));
        Assert.True(parameter.Secret);
    }

    [Fact]
    public async Task Configuration_comes_before_every_default()
    {
        using var builder = DistributedApplicationTestingBuilder.Create("--Parameters:given=from configuration");

        var given = builder.AddParameter("given", "default");
        var absent = builder.AddParameter("absent", "default");

        Assert.Equal("from configuration", await given.Resource.GetValueAsync(CancellationToken.None));
        Assert.Equal("default", await absent.Resource.GetValueAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_parameter_without_a_value_is_shown_as_missing_one()
    {
        await using var app = await AppUnderTest.StartAsync(builder => builder.AddParameter("nowhere"));

        await app.UntilAsync("nowhere", KnownResourceStates.ValueMissing);
    }

    [Fact]
    public void A_kept_value_is_beside_what_was_kept_before_and_readable_by_its_owner_alone()
    {
        var folder = Directory.CreateTempSubdirectory("secrets-");
        var path = Path.Combine(folder.FullName, "id", "secrets.json");
        try
        {
            var secrets = new UserSecrets(path);
            secrets.Set("Parameters:a", "1");
            secrets.Set("Parameters:b", "2");

            var kept = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(path));
            Assert.Equal(new() { ["Parameters:a"] = "1", ["Parameters:b"] = "2" }, kept);
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
