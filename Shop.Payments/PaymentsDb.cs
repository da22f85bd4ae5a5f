using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Payments.Payments;
using Shop.Payments.Points;
using Shop.Payments.Refunds;

namespace Shop.Payments;

/// <summary>The read side of paymentsdb. The schema is in <c>Schema/</c>; this only says how its rows read.</summary>
public sealed class PaymentsDb(DbContextOptions<PaymentsDb> options) : DbContext(options)
{
    public DbSet<Payment> Payments => Set<Payment>();

    public DbSet<Refund> Refunds => Set<Refund>();

    public DbSet<PointsAccount> PointsAccounts => Set<PointsAccount>();

    public DbSet<PointsEntry> PointsEntries => Set<PointsEntry>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Payment>().Ignore(payment => payment.Left)
            .ToTable("payments").Property(payment => payment.Status)
            .HasConversion(status => status.Name(), name => Enum.Parse<PaymentStatus>(name, true));
        modelBuilder.Entity<Refund>().ToTable("refunds").Property(refund => refund.Status)
            .HasConversion(status => status.Name(), name => Enum.Parse<RefundStatus>(name, true));
        modelBuilder.Entity<PointsAccount>().ToTable("points_accounts").HasKey(account => account.UserId);
        modelBuilder.Entity<PointsEntry>().ToTable("points_entries").HasKey(entry => new { entry.UserId, entry.Number });
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
            }
        }
    }
}
