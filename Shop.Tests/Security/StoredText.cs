using System.Text;
using Aspire.Hosting.ApplicationModel;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Tests.Fixtures;
using StackExchange.Redis;

namespace Shop.Tests.Security;

/// <summary>All text that a shop has put anywhere, as a thief of it would read.</summary>
internal static class StoredText
{
    public static readonly string[] Databases = ["identitydb", "catalogdb", "orderingdb", "paymentsdb", "sandboxdb"];

    /// <summary>Every row of every table, as pg_dump would write it; bytea stands as hex.</summary>
    public static async Task<string> OfDatabaseAsync(ShopApp shop, string database)
    {
        await using var connection = new NpgsqlConnection(await shop.ConnectionStringAsync(database));
        var tables = await connection.QueryAsync<string>("""
            select format('%I.%I', n.nspname, c.relname)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')
            """);
        var dump = new StringBuilder();
        foreach (var table in tables)
        {
            foreach (var row in await connection.QueryAsync<string>($"select t::text from {table} t"))
            {
                dump.Append(table).Append(' ').AppendLine(row);
            }
        }

        return dump.ToString();
    }

    /// <summary>
    /// Every entry of every stream, and every other key with its value as Redis would write it to disk.
    /// </summary>
    public static async Task<string> OfRedisAsync(ShopApp shop)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(await shop.ConnectionStringAsync("cache"));
        var database = redis.GetDatabase();
        var dump = new StringBuilder();
        foreach (var key in (RedisResult[])(await database.ExecuteAsync("KEYS", "*"))!)
        {
            var name = (string)key!;
            dump.AppendLine(name);
            if ((string?)await database.ExecuteAsync("TYPE", name) == "stream")
            {
                // Each entry is its id and a list of names and values.
                foreach (var entry in (RedisResult[])(await database.ExecuteAsync("XRANGE", name, "-", "+"))!)
                {
                    dump.AppendJoin(' ', (string[])((RedisResult[])entry!)[1]!).AppendLine();
                }
            }
            else
            {
                dump.AppendLine(Encoding.UTF8.GetString((byte[]?)await database.ExecuteAsync("DUMP", name) ?? []));
            }
        }

        return dump.ToString();
    }

    /// <summary>Whatever any process of the shop has written to its console.</summary>
    public static async Task<string> OfLogsAsync(ShopApp shop)
    {
        var loggers = shop.App.Services.GetRequiredService<ResourceLoggerService>();
        var states = shop.App.Services.GetRequiredService<ResourceNotificationService>();
        var dump = new StringBuilder();
        foreach (var resource in shop.App.Services.GetRequiredService<DistributedApplicationModel>().Resources)
        {
            if (!states.TryGetCurrentState(resource.Name, out var state)) continue;
            await foreach (var lines in loggers.GetAllAsync(state.ResourceId))
            {
                foreach (var line in lines) dump.AppendLine(line.Content);
            }
        }

        return dump.ToString();
    }
}
