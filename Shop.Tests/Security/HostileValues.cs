namespace Shop.Tests.Security;

/// <summary>
/// What nobody should send, as raw JSON. Texts carry a mark, so that they are found if they are kept.
/// </summary>
internal static class HostileValues
{
    private const string Mark = "MARK";

    private static readonly (string Name, string Json)[] Values =
    [
        ("empty", "\"\""),
        ("blank", "\"   \\t\\n\""),
        ("long", $"\"{Mark}{new string('a', 100_000)}\""),
        ("longer than any limit by one", $"\"{Mark}{new string('b', 4_097)}\""),
        ("NUL", $"\"{Mark}\\u0000x\""),
        ("a lone surrogate", $"\"{Mark}\\ud800x\""),
        ("a low surrogate first", $"\"{Mark}\\udc00\\ud800\""),
        ("emoji and right to left", $"\"{Mark}\\ud83d\\udca3\\u202e\\u0645\\u0631\\u062d\\u0628\\u0627\\u200f\""),
        ("control characters", $"\"{Mark}\\u0001\\u0007\\u001b[2J\\r\\nSet-Cookie: a=b\""),
        ("combining marks", $"\"{Mark}{string.Concat(Enumerable.Repeat("e\\u0301", 50))}\""),
        ("not a character", $"\"{Mark}\\uffff\\ufffe\""),
        ("SQL", $"\"{Mark}'; drop table users; --\""),
        ("SQL that waits", $"\"{Mark}' or pg_sleep(10) is null or '1'='1\""),
        ("a pattern of LIKE", $"\"{Mark}%_\\\\%\""),
        ("a path", $"\"{Mark}/../../../../etc/passwd\""),
        ("a Windows path", $"\"{Mark}\\\\..\\\\..\\\\windows\\\\win.ini\""),
        ("markup", $"\"{Mark}<script>alert(1)</script>\""),
        ("a format string", $"\"{Mark}%s%n{{0}}${{jndi:ldap://x}}\""),
        ("JSON in a text", $"\"{Mark}{{\\\"a\\\":[1,{{\\\"b\\\":null}}]}}\""),
        ("a nil id", "\"00000000-0000-0000-0000-000000000000\""),
        ("an id in braces", "\"{018f0000-0000-7000-8000-000000000001}\""),
        ("null", "null"),
        ("true", "true"),
        ("zero", "0"),
        ("a negative number", "-1"),
        ("a fraction", "1.5"),
        ("the largest number of 64 bits", "9223372036854775807"),
        ("more than 64 bits", "9223372036854775808"),
        ("a number beyond any", "1e999999"),
        ("a number of a thousand digits", new string('9', 1_000)),
        ("an array", $"[\"{Mark}\"]"),
        ("an empty array", "[]"),
        ("an array of a thousand", $"[{string.Join(',', Enumerable.Repeat("\"a\"", 1_000))}]"),
        ("an object", $"{{\"a\":\"{Mark}\"}}"),
        ("a nested object", Nested(20)),
        ("an object nested too deep", Nested(200)),
        ("a field twice", $"{{\"a\":1,\"a\":\"{Mark}\"}}"),
    ];

    private static readonly string[] Bodies =
    [
        "", "null", "[]", "\"text\"", "1", "{", "{\"a\":", "{}{}", "{\"\\ud800\":1}", "\u0000", Nested(1_000),
        "[" + new string('[', 5_000), "{\"__proto__\":{\"admin\":true},\"constructor\":null}",
    ];

    /// <summary>Every value with a mark of its own.</summary>
    public static IEnumerable<(string Name, string Json, string Mark)> Marked(Func<string> newMark) =>
        Values.Select(value =>
        {
            var mark = newMark();
            return (value.Name, value.Json.Replace(Mark, mark, StringComparison.Ordinal), mark);
        });

    /// <summary>Whole bodies that are no request of anything.</summary>
    public static IEnumerable<string> WholeBodies => Bodies;

    /// <summary>For addresses and headers, where there is no JSON.</summary>
    public static readonly string[] Plain =
    [
        "", " ", "a", "-1", "0", "1.5", "99999999999999999999", "'", "' or '1'='1", "%00", "%ff%fe", "%ud800",
        "..%2f..%2fetc%2fpasswd", "%25%5f", "%F0%9F%92%A3", "\\", "null", "[]", new string('x', 2_000),
        "018f0000-0000-7000-8000-000000000001",
    ];

    private static string Nested(int depth) =>
        string.Concat(Enumerable.Repeat("{\"a\":", depth)) + $"\"{Mark}\"" + new string('}', depth);
}
