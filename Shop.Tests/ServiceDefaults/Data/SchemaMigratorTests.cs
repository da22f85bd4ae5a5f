using Shop.Tests.ServiceDefaults.Messaging;

namespace Shop.Tests.ServiceDefaults.Data;

public sealed class SchemaMigratorTests(KernelDatabase databases) : KernelTests(databases)
{
    [Fact]
    public async Task Replicas_that_start_together_apply_each_file_once_and_a_changed_file_stops_the_start()
    {
        var replicas = await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => KernelProcess.StartAsync(Databases, Prefix, _ => { })));
        foreach (var replica in replicas) await replica.DisposeAsync();

        var applied = await KernelDatabase.QueryAsync<string>(Databases.Main, "select name from schema_history");
        Assert.Single(applied, name => name.EndsWith("Schema.0001_messaging.sql", StringComparison.Ordinal));

        await KernelDatabase.ExecuteAsync(Databases.Main, "update schema_history set sha256 = '\\x00'");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(
            () => KernelProcess.StartAsync(Databases, Prefix, _ => { }));
        Assert.Contains("0001_messaging.sql", failure.Message, StringComparison.Ordinal);
    }
}
