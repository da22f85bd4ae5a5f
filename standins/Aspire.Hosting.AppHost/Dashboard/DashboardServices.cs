namespace Aspire.Hosting.Dashboard;

/// <summary>Registers what shows the resources in the dashboard.</summary>
internal static class DashboardServices
{
    public static void AddDashboard(this IDistributedApplicationBuilder builder) =>
        ArgumentNullException.ThrowIfNull(builder);
}
