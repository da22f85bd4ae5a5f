using System.Text;
using System.Text.Json;

namespace Shop.Tests.Identity;

public sealed class RegisterTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task A_user_registers_and_sees_itself()
    {
        var email = $"{Guid.CreateVersion7():n}@example.com";
        var created = await identity.PostAsync(
            "/users",
            new { email = $" {email.ToUpperInvariant()}", password = "eight ch", name = " Ann ", phone = "+82 10 1" });
        var id = (await IdentityService.JsonAsync(created, 201)).GetProperty("id").GetGuid();
        var tokens = await identity.SignInAsync(email, "eight ch");

        var me = await IdentityService.JsonAsync(
            await identity.SendAsync(HttpMethod.Get, "/users/me", null, tokens.Access), 200);

        Assert.Equal(id, me.GetProperty("id").GetGuid());
        Assert.Equal(email, me.GetProperty("email").GetString());
        Assert.Equal("Ann", me.GetProperty("name").GetString());
        Assert.Equal("+82 10 1", me.GetProperty("phone").GetString());
        Assert.Equal(["customer"], me.GetProperty("roles").EnumerateArray().Select(role => role.GetString()));
        Assert.False(me.TryGetProperty("sellerId", out _));
        var events = await identity.QueryAsync<string>("select payload::text from outbox where key = @id", new { id });
        Assert.Equal(id, JsonDocument.Parse(Assert.Single(events)).RootElement.GetProperty("userId").GetGuid());
    }

    [Fact]
    public async Task Of_many_at_once_one_gets_the_address()
    {
        var lower = $"{Guid.CreateVersion7():n}@example.com";
        var upper = lower.ToUpperInvariant();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => identity.PostAsync(
            "/users",
            new { email = i % 2 == 0 ? lower : upper, password = IdentityService.Password, name = "A" })));

        Assert.Single(answers, answer => (int)answer.StatusCode == 201);
        foreach (var refused in answers.Where(answer => (int)answer.StatusCode != 201))
        {
            Assert.Equal("urn:shop:email-taken", await IdentityService.ProblemAsync(refused, 409));
        }
    }

    [Theory]
    [InlineData("email", "no address", "a password", "Ann", null)]
    [InlineData("password", "a@example.com", "seven c", "Ann", null)]
    [InlineData("password", "a@example.com", "Password123", "Ann", null)]
    [InlineData("password", "a-long-name@example.com", "a-long-NAME", "Ann", null)]
    [InlineData("name", "a@example.com", "a password", "  ", null)]
    [InlineData("phone", "a@example.com", "a password", "Ann", "not a phone")]
    public async Task What_is_wrong_is_named(string field, string email, string password, string name, string? phone)
    {
        var answer = await identity.PostAsync("/users", new { email, password, name, phone });

        var errors = (await IdentityService.JsonAsync(answer, 400)).GetProperty("errors");
        Assert.Equal([field], errors.EnumerateObject().Select(error => error.Name));
    }

    [Theory]
    [InlineData(128, 201)]
    [InlineData(129, 400)]
    public async Task A_password_may_have_128_characters_whatever_they_are(int characters, int status)
    {
        var password = new StringBuilder().Insert(0, "🐎", characters).ToString();
        var answer = await identity.PostAsync(
            "/users", new { email = $"{Guid.CreateVersion7():n}@example.com", password, name = "Ann" });

        await IdentityService.JsonAsync(answer, status);
    }

    [Fact]
    public async Task A_profile_changes_where_it_is_asked_to()
    {
        var (_, email) = await identity.RegisterAsync();
        var token = (await identity.SignInAsync(email)).Access;

        var both = await PatchAsync(token, new { name = "Bea", phone = "+49 30 1" });
        var nameOnly = await PatchAsync(token, new { name = "Cleo" });
        var noPhone = await PatchAsync(token, new { phone = "" });

        Assert.Equal(("Bea", "+49 30 1"), both);
        Assert.Equal(("Cleo", "+49 30 1"), nameOnly);
        Assert.Equal(("Cleo", null), noPhone);
    }

    private async Task<(string? Name, string? Phone)> PatchAsync(string token, object body)
    {
        var me = await IdentityService.JsonAsync(
            await identity.SendAsync(HttpMethod.Patch, "/users/me", body, token), 200);
        return (
            me.GetProperty("name").GetString(), me.TryGetProperty("phone", out var phone) ? phone.GetString() : null);
    }

    [Fact]
    public async Task The_database_names_nobody()
    {
        var mark = $"m{Guid.CreateVersion7():n}";
        var (email, password) = ($"{mark}@example.com", $"pw-{mark}");
        await IdentityService.JsonAsync(
            await identity.PostAsync(
                "/users", new { email, password, name = $"name {mark}", phone = "+82 1055554444" }),
            201);
        await identity.SignInAsync(email, password);

        // Every row as text, and every binary column as the bytes it holds.
        var rows = await identity.QueryAsync<string>(
            """
            select u::text || encode(email, 'escape') || encode(name, 'escape') || encode(phone, 'escape') from users u
             where phone is not null
            union all select payload::text || o::text from outbox o
            union all select f::text from refresh_families f
            """);

        Assert.NotEmpty(rows);
        Assert.DoesNotContain(
            rows, row => row.Contains(mark, StringComparison.OrdinalIgnoreCase) || row.Contains("1055554444"));
    }
}
