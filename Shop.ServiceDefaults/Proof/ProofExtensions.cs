using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Health;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.ServiceDefaults.Proof;

public static class ProofExtensions
{
    public const string CheckName = "proof";

    /// <summary>Adds rules of one service's database. For the background half, beside its schedules.</summary>
    public static void AddProofRules<TDb>(this IHostApplicationBuilder builder, IEnumerable<SqlRule> rules)
        where TDb : DbContext
    {
        builder.AddProofOptions();
        foreach (var rule in rules)
        {
            builder.Services.AddSingleton<IProofRule>(services => new DatabaseRule(
                rule, [services.GetRequiredService<DatabaseSource<TDb>>().Source],
                services.GetRequiredService<ProofOptions>()));
        }
    }

    /// <summary>Adds a rule between two sides.</summary>
    public static void AddComparison(
        this IHostApplicationBuilder builder, string name, string promise, Match match,
        Func<IServiceProvider, IFacts> left, Func<IServiceProvider, IFacts> right)
    {
        builder.AddProofOptions();
        builder.Services.AddSingleton<IProofRule>(
            services => new ComparisonRule(name, promise, left(services), right(services), match));
    }

    /// <summary>A side of a comparison: see <see cref="SqlFacts"/>.</summary>
    public static Func<IServiceProvider, IFacts> FactsOf<TDb>(string sql)
        where TDb : DbContext =>
        services => new SqlFacts(
            services.GetRequiredService<DatabaseSource<TDb>>().Source, sql,
            services.GetRequiredService<ProofOptions>());

    /// <summary>
    /// Adds the prover, and the rules of the messaging kernel over every outbox and group of this process. Once, in the
    /// process that hosts all of them.
    /// </summary>
    public static void AddProver(this IHostApplicationBuilder builder)
    {
        builder.AddProofOptions();
        builder.Services.AddSingleton<IProofRule>(services =>
            ActivatorUtilities.CreateInstance<EventsAreApplied>(services));
        builder.Services.AddSingleton<IProofRule>(services => new DatabaseRule(
            EventsAreApplied.AtMostOnce,
            [.. services.GetRequiredService<IReadOnlyList<IConsumerGroup>>().Select(g => g.Source).Distinct()],
            services.GetRequiredService<ProofOptions>()));
        builder.Services.AddSingleton<Prover>();
    }

    /// <summary>Runs the proof again and again and says at <c>/health/proof</c> what it has shown.</summary>
    /// <typeparam name="TDb">The database that keeps it.</typeparam>
    public static void AddProofRuns<TDb>(this IHostApplicationBuilder builder)
        where TDb : DbContext
    {
        builder.Services.AddHealthChecks().AddCheck<ProofCheck<TDb>>(CheckName, tags: [HealthEndpoints.ApartTag]);
        builder.Services.AddSingleton<ProofRuns<TDb>>();
        if (ProofOptions.From(builder.Configuration) is not { IntervalSeconds: > 0 } options) return;
        builder.AddSchedule(
            "prove", TimeSpan.FromSeconds(options.IntervalSeconds),
            async (services, ct) =>
            {
                await services.GetRequiredService<ProofRuns<TDb>>().RunAsync(ct);
                return 0;
            });
    }

    private static void AddProofOptions(this IHostApplicationBuilder builder) =>
        builder.Services.TryAddSingleton(ProofOptions.From(builder.Configuration));
}
