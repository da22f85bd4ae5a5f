using Shop.Tests.Proof;

namespace Shop.Tests.Fixtures;

/// <summary>A database that refuses some writes for a while, whoever makes them.</summary>
internal static class RefusedWrites
{
    private const string DropSql = "drop function if exists refuse_a_write() cascade";

    /// <summary>While it runs, every transaction with such a write fails.</summary>
    /// <param name="write">As in a trigger: <c>insert on order_lines</c>.</param>
    /// <param name="when">Which rows, by <c>new</c>.</param>
    public static async Task<T> RefusingAsync<T>(
        this ShopApp shop, string database, string write, string when, Func<Task<T>> run)
    {
        var connection = await shop.ConnectionStringAsync(database);
        await ProvedShop.ExecuteAsync(connection, $"""
            create function refuse_a_write() returns trigger language plpgsql as
            'begin raise exception ''refused by a test''; end';
            create trigger refuse_a_write before {write}
                for each row when ({when}) execute function refuse_a_write();
            """);
        try
        {
            return await run();
        }
        finally
        {
            await ProvedShop.ExecuteAsync(connection, DropSql);
        }
    }
}
