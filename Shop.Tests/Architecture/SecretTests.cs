using System.Text.RegularExpressions;
using static Shop.Tests.Architecture.Repository;

namespace Shop.Tests.Architecture;

/// <summary>
/// Secrets come from parameters, user secrets or the environment, never from a file of the repository.
/// </summary>
public sealed partial class SecretTests
{
    [Fact]
    public void No_settings_file_holds_a_secret()
    {
        var files = Sources("*.json")
            .Where(path => SettingsFile().IsMatch(path) && !path.Contains("/obj/") && !path.Contains("/bin/"))
            .ToList();
        var guilty =
            from path in files
            from Match match in Secret().Matches(Read(path))
            select $"{path}: {match.Value}";

        Assert.NotEmpty(files);
        Assert.Empty(guilty);
    }

    [Fact]
    public void No_source_outside_the_tests_gives_a_secret_a_value()
    {
        var guilty =
            from path in Sources()
            where path.StartsWith("Shop.", StringComparison.Ordinal)
                && !path.StartsWith("Shop.Tests/", StringComparison.Ordinal)
            from Match match in SecretInCode().Matches(Read(path))
            select $"{path}: {match.Value}";

        Assert.Empty(guilty);
    }

    [Fact]
    public void What_looks_for_secrets_finds_them()
    {
        Assert.Matches(Secret(), """ "ApiKey": "abc" """);
        Assert.Matches(Secret(), """ "orderingdb": "Host=x;Username=y;Password=z" """);
        Assert.Matches(SecretInCode(), """ ClientSecret = "abc"; """);
    }

    [GeneratedRegex("(^|/)(appsettings[^/]*|launchSettings|secrets)\\.json$", RegexOptions.IgnoreCase)]
    private static partial Regex SettingsFile();

    [GeneratedRegex(
        "\"[^\"]*(secret|password|apikey|encryptionkey|token)[^\"]*\"\\s*:\\s*\"[^\"]+\"|password\\s*=\\s*[^\";]+",
        RegexOptions.IgnoreCase)]
    private static partial Regex Secret();

    [GeneratedRegex("""\b\w*(Secret|ApiKey|EncryptionKey)\s*(\{ get; set; \}\s*)?=\s*"[^"{}]+";""")]
    private static partial Regex SecretInCode();
}
