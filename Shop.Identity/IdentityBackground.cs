using Shop.Identity.Sessions;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Scheduling;

namespace Shop.Identity;

/// <summary>Identity's background half, run by Workers: its outbox, and the forgetting of old sessions.</summary>
public static class IdentityBackground
{
    public static void AddIdentityBackground(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase<IdentityDb>("identitydb");
        builder.AddSchedule("forget-sessions", TimeSpan.FromMinutes(10), (services, ct) => ForgetSessions.RunAsync(
            services.GetRequiredService<Database<IdentityDb>>(), services.GetRequiredService<TimeProvider>(), ct));
    }
}
