using Npgsql;
using Shop.Tests.Fixtures;

namespace Shop.Tests.Security;

/// <summary>The roles in a shop as a user starts it.</summary>
[Collection(ShopAppCollection.Name)]
public sealed class RunningRolesTests(ShopApp shop)
{
    [Theory]
    [InlineData("identitydb")]
    [InlineData("catalogdb")]
    [InlineData("orderingdb")]
    [InlineData("paymentsdb")]
    [InlineData("sandboxdb")]
    public async Task The_services_work_as_their_role(string database)
    {
        // Some pools are opened by the first use only: health checks and sweeps open all of them.
        await Eventually.GetAsync(
            () => shop.ScalarAsync<long>(
                database,
                "select count(*) from pg_stat_activity where datname = $1 and usename = $1 || '_app'", database),
            sessions => sessions > 0, what: $"sessions of {database}_app");

        await using var connection = new NpgsqlConnection(await shop.RoleConnectionStringAsync(database));
        await connection.OpenAsync();
    }
}
