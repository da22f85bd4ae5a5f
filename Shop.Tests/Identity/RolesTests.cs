using Shop.Identity.Users;

namespace Shop.Tests.Identity;

public sealed class RolesTests(IdentityService identity) : IClassFixture<IdentityService>
{
    [Fact]
    public async Task An_admin_makes_a_seller_whose_next_token_says_so()
    {
        var (id, email) = await identity.RegisterAsync();
        var sellerId = Guid.CreateVersion7();

        var answer = await AssignAsync(id, new { roles = new[] { "seller", "customer" }, sellerId });
        var token = (await identity.SignInAsync(email)).Jwt;

        Assert.Equal(sellerId, (await IdentityService.JsonAsync(answer, 200)).GetProperty("sellerId").GetGuid());
        Assert.Equal(
            ["customer", "seller"], token.Claims.Where(claim => claim.Type == "role").Select(claim => claim.Value));
        Assert.Equal(sellerId.ToString(), token.GetClaim("seller_id").Value);
    }

    [Fact]
    public async Task A_seller_keeps_its_id_and_loses_it_with_the_role()
    {
        var (id, _) = await identity.RegisterAsync();

        var made = await SellerIdAsync(id, "seller");
        var again = await SellerIdAsync(id, "seller");
        var ended = await SellerIdAsync(id, "customer");

        Assert.NotNull(made);
        Assert.Equal(made, again);
        Assert.Null(ended);
    }

    [Fact]
    public async Task A_refresh_brings_the_roles_of_now()
    {
        var (id, email) = await identity.RegisterAsync();
        var before = await identity.SignInAsync(email);
        await SellerIdAsync(id, "seller");

        var after = IdentityService.Tokens.Of(await IdentityService.JsonAsync(
            await identity.PostAsync("/auth/refresh", new { refreshToken = before.Refresh }), 200));

        Assert.Equal("seller", after.Jwt.GetClaim("role").Value);
    }

    [Fact]
    public async Task Only_an_admin_assigns_roles()
    {
        var (id, email) = await identity.RegisterAsync();
        var body = new { roles = new[] { "admin" } };
        var own = (await identity.SignInAsync(email)).Access;
        var seller = (await identity.SignInAsync("seller1@shop.example", IdentityService.SamplePassword)).Access;
        var service = await ServiceTokenTests.TokenAsync(identity, "workers");

        Assert.Equal(401, (int)(await identity.SendAsync(HttpMethod.Put, $"/users/{id}/roles", body, null)).StatusCode);
        foreach (var token in new[] { own, seller, service })
        {
            var answer = await identity.SendAsync(HttpMethod.Put, $"/users/{id}/roles", body, token);
            Assert.Equal(403, (int)answer.StatusCode);
        }

        Assert.Equal("customer", (await identity.SignInAsync(email)).Jwt.GetClaim("role").Value);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        var (id, _) = await identity.RegisterAsync();
        var stranger = Guid.CreateVersion7();

        Assert.Equal(404, (int)(await AssignAsync(stranger, new { roles = new[] { "admin" } })).StatusCode);
        Assert.Equal(400, (int)(await AssignAsync(id, new { roles = new[] { "service" } })).StatusCode);
        Assert.Equal(400, (int)(await AssignAsync(id, new { roles = Array.Empty<string>() })).StatusCode);
        Assert.Equal(400, (int)(await AssignAsync(id, new { roles = new[] { "admin" }, sellerId = id })).StatusCode);
    }

    [Fact]
    public async Task The_sample_sellers_have_the_ids_that_the_catalog_knows()
    {
        var token = (await identity.SignInAsync("seller5@shop.example", IdentityService.SamplePassword)).Jwt;

        Assert.Equal("00000000-0000-7000-8000-000000000005", token.GetClaim("seller_id").Value);
        Assert.Equal(SampleUsersService.SellerId(5).ToString(), token.GetClaim("seller_id").Value);
        Assert.Equal("seller", token.GetClaim("role").Value);
    }

    private async Task<Guid?> SellerIdAsync(Guid id, string role)
    {
        var answer = await IdentityService.JsonAsync(await AssignAsync(id, new { roles = new[] { role } }), 200);
        return answer.TryGetProperty("sellerId", out var sellerId) ? sellerId.GetGuid() : null;
    }

    private async Task<HttpResponseMessage> AssignAsync(Guid id, object body)
    {
        var admin = await identity.SignInAsync("admin@shop.example", IdentityService.SamplePassword);
        return await identity.SendAsync(HttpMethod.Put, $"/users/{id}/roles", body, admin.Access);
    }
}
