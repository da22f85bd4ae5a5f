using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Data;

namespace Shop.Identity.Users;

/// <summary>The sample users, in Development only: an admin, five sellers with known seller ids, and a buyer.</summary>
internal sealed partial class SampleUsersService(
    IServiceScopeFactory scopes, Database<IdentityDb> database, Passwords passwords, PersonalData personal,
    IConfiguration configuration, TimeProvider clock, ILogger<SampleUsersService> log) : IHostedService
{
    private const string DefaultPassword = "shop-sample-password";
    private const int Sellers = 5;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var password = configuration["Samples:Password"] is { Length: > 0 } configured ? configured : DefaultPassword;
        (string Email, string Name, string[] Roles, Guid? SellerId)[] samples =
        [
            ("admin@shop.example", "Sample Admin", [Roles.Admin], null),
            .. Enumerable.Range(1, Sellers).Select(n =>
                ($"seller{n}@shop.example", $"Sample Seller {n}", new[] { Roles.Seller }, (Guid?)SellerId(n))),
            ("buyer@shop.example", "Sample Buyer", [Roles.Customer], null),
        ];

        string? passwordHash = null;
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<IdentityDb>();
        foreach (var (email, name, roles, sellerId) in samples)
        {
            var emailHash = personal.LookupHash(email);
            if (await db.Users.AnyAsync(user => user.EmailHash == emailHash, cancellationToken)) continue;
            // One hash for all of them: they share a known password, and the start should not wait for seven.
            passwordHash ??= passwords.Hash(password);
            var id = Guid.CreateVersion7(clock.GetUtcNow());
            var user = new Register.NewUser(id, email, name, null, passwordHash, roles, sellerId);
            if (await Register.InsertAsync(user, database, personal, cancellationToken)) Added(log, id, roles[0]);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Catalog's sample products belong to the same ids.</summary>
    internal static Guid SellerId(int n) => new($"00000000-0000-7000-8000-{n:D12}");

    [LoggerMessage(LogLevel.Information, "Added sample user {UserId}, {Role}")]
    private static partial void Added(ILogger log, Guid userId, string role);
}
