using System.Text.Json;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Shop.Payments.Payments;
using Shop.Payments.Settlement;
using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Payments;

/// <summary>Settlement days as a test drives them.</summary>
internal static class Settling
{
    private static readonly TimeSpan SeoulNoonUtc = TimeSpan.FromHours(3);

    /// <summary>Noon in Seoul, so that no test runs over the end of a day.</summary>
    public static DateOnly MoveToNoon(this PaymentsApp app)
    {
        var now = app.Clock.GetUtcNow();
        var noon = new DateTimeOffset(now.Date, TimeSpan.Zero) + SeoulNoonUtc;
        if (noon <= now) noon = noon.AddDays(1);
        app.Clock.Advance(noon - now);
        return DateOnly.FromDateTime(noon.Date);
    }

    /// <summary>A payment that has completed; settlement has not heard of it yet.</summary>
    public static async Task<PaymentCompleted> CompleteAsync(this PaymentsApp app, Purchase purchase)
    {
        var id = (await purchase.PayAsync()).PaymentId;
        await app.HandleAsync(OnPaymentRequested.Handle, purchase.Requested(id));
        var payload = await app.ScalarAsync<string>(
            "select payload::text from outbox where key = @id and type = 'PaymentCompleted.v1'", new { id });
        return JsonSerializer.Deserialize(payload, EventType<PaymentCompleted>.Json)!;
    }

    public static Task<Verdict> SettleAsync(this PaymentsApp app, PaymentCompleted completed) =>
        app.HandleAsync(OnPaymentCompleted.Handle, completed);

    /// <summary>What the reconciler writes down once the group has every event of every slot before this.</summary>
    public static Task WholeUntilAsync(this PaymentsApp app, DateTimeOffset until) => app.ExecuteAsync("""
        insert into group_progress values ('payments-settlement', @until)
            on conflict (consumer_group) do update set whole_until = excluded.whole_until
        """, new { until });

    /// <summary>All events of the day are there, and its close runs.</summary>
    public static async Task<int> CloseAsync(this PaymentsApp app, DateOnly day)
    {
        await app.WholeUntilAsync(EndOf(day));
        return await app.CloseWholeDaysAsync();
    }

    public static async Task<int> CloseWholeDaysAsync(this PaymentsApp app)
    {
        var closed = 0;
        while (await app.Workers.GetRequiredService<CloseDays>().RunAsync(CancellationToken.None) == 1) closed++;
        return closed;
    }

    /// <summary>The first instant after the day in Seoul, which has no daylight saving.</summary>
    public static DateTimeOffset EndOf(DateOnly day) =>
        new(day.AddDays(1).ToDateTime(TimeOnly.MinValue).AddHours(-9), TimeSpan.Zero);

    public static Task<DateOnly> DayOfAsync(this PaymentsApp app, Guid source) => app.ScalarAsync<DateOnly>(
        "select distinct day from settlement_lines where source_id = @source", new { source });

    /// <summary>The lines of a source: kind, category, quantity, gross, discount, fee, net.</summary>
    public static async Task<string> SettledAsync(this PaymentsApp app, Guid source)
    {
        await using var connection = await app.Database.Source.OpenConnectionAsync();
        return string.Join('\n', await connection.QueryAsync<string>("""
            select concat_ws(' ', kind, category, quantity, gross, discount, fee, net)
              from settlement_lines where source_id = @source
             order by category, product_id
            """, new { source }));
    }
}
