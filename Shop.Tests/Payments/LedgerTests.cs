using Dapper;
using Npgsql;
using Shop.Payments;

namespace Shop.Tests.Payments;

/// <summary>What the ledger refuses, whoever writes to it.</summary>
public sealed class LedgerTests(PaymentsApp app) : IClassFixture<PaymentsApp>
{
    private const string TransactionSql = """
        insert into ledger_transactions (id, source_id, kind, currency, entry_count, at)
        values (@id, gen_random_uuid(), 'TEST', 'KRW', @count, now())
        """;

    private const string EntrySql = "insert into ledger_entries values (@id, @account, @amount)";

    private readonly Guid _source = Guid.CreateVersion7();

    [Fact]
    public async Task Postings_are_kept_as_they_were_made()
    {
        await PostAsync(new("card-clearing", 100), new("fees", -30), new("fees", 10), new("refunds", 0),
            new("sales:00000000-0000-0000-0000-000000000001", -80));

        Assert.Equal("""
            TEST KRW card-clearing 100
            TEST KRW fees -20
            TEST KRW sales:00000000-0000-0000-0000-000000000001 -80
            """, await app.LedgerOfAsync(_source));
    }

    [Fact]
    public async Task What_moves_nothing_posts_nothing()
    {
        await PostAsync(new("card-clearing", 0), new("fees", 7), new("fees", -7));

        Assert.Equal("", await app.LedgerOfAsync(_source));
    }

    [Fact]
    public async Task Postings_out_of_balance_are_refused_before_they_are_sent() =>
        await Assert.ThrowsAsync<ArgumentException>(() => PostAsync(new("card-clearing", 100), new("fees", -99)));

    [Fact]
    public async Task Nothing_posts_twice_for_a_source_and_kind()
    {
        await PostAsync(new("card-clearing", 100), new("fees", -100));

        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => PostAsync(new("card-clearing", 100), new("fees", -100)));

        Assert.Equal("ledger_transactions_once", refused.ConstraintName);
        Assert.Equal("TEST KRW card-clearing 100\nTEST KRW fees -100", await app.LedgerOfAsync(_source));
    }

    [Theory]
    [InlineData(2, "100 -99", "ledger_balanced")]
    [InlineData(3, "100 -100", "ledger_closed")]
    [InlineData(2, "100 -50 -50", "ledger_closed")]
    [InlineData(2, "", "ledger_closed")]
    [InlineData(2, "9223372036854775807 9223372036854775807", "ledger_balanced")]
    public async Task A_transaction_that_is_out_of_balance_or_not_whole_is_refused_at_commit(
        int count, string amounts, string constraint)
    {
        var id = Guid.CreateVersion7();
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync(TransactionSql, new { id, count });
        foreach (var (i, amount) in amounts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Index())
        {
            var entry = new { id, account = $"account-{(char)('a' + i)}", amount = long.Parse(amount) };
            await connection.ExecuteAsync(EntrySql, entry);
        }

        var refused = await Assert.ThrowsAsync<PostgresException>(() => transaction.CommitAsync());

        Assert.Equal(constraint, refused.ConstraintName);
        Assert.Equal(0, await app.ScalarAsync<int>(
            "select count(*) from ledger_transactions where id = @id", new { id }));
    }

    [Fact]
    public async Task Entries_that_come_after_the_commit_are_refused_though_they_balance()
    {
        await PostAsync(new("card-clearing", 100), new("fees", -100));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync("""
            insert into ledger_entries
            select id, account, amount
              from ledger_transactions, (values ('refunds', 5), ('card-clearing-b', -5)) as more (account, amount)
             where source_id = @_source
            """, new { _source }));

        Assert.Equal("ledger_closed", refused.ConstraintName);
    }

    [Theory]
    [InlineData("update ledger_entries set amount = amount * 2")]
    [InlineData("update ledger_transactions set kind = 'OTHER'")]
    [InlineData("delete from ledger_entries")]
    [InlineData("delete from ledger_transactions")]
    [InlineData("truncate ledger_entries")]
    [InlineData("truncate ledger_transactions cascade")]
    public async Task Its_rows_never_change(string sql)
    {
        await PostAsync(new("card-clearing", 100), new("fees", -100));

        var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task The_role_of_the_service_has_no_right_to_change_it()
    {
        var rights = await app.ScalarAsync<string>("""
            select string_agg(privilege, ' ')
              from (select t.relname || ':' || a.privilege_type as privilege
                      from pg_class t cross join lateral aclexplode(t.relacl) a
                     where t.relname in ('ledger_entries', 'ledger_transactions')
                       and a.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')) as granted
            """);

        Assert.Equal("ledger_transactions:UPDATE", rights);
    }

    private Task PostAsync(params Posting[] postings) => app.Database.TransactAsync(
        tx => Ledger.PostAsync(tx, _source, "TEST", "KRW", postings), CancellationToken.None);
}
