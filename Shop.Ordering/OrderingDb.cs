using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Coupons;
using Shop.Ordering.Notifications;
using Shop.Ordering.Orders;
using Shop.Ordering.Shipments;
using Shop.Ordering.Webhooks;

namespace Shop.Ordering;

/// <summary>The read side of orderingdb. All writes are conditional statements in the slices.</summary>
public sealed class OrderingDb(DbContextOptions<OrderingDb> options) : DbContext(options)
{
    internal DbSet<Order> Orders => Set<Order>();

    internal DbSet<Coupon> Coupons => Set<Coupon>();

    internal DbSet<UserCoupon> UserCoupons => Set<UserCoupon>();

    internal DbSet<OrderTransition> Transitions => Set<OrderTransition>();

    internal DbSet<Notification> Notifications => Set<Notification>();

    internal DbSet<Webhook> Webhooks => Set<Webhook>();

    internal DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>(order =>
        {
            order.ToTable("orders").HasKey(o => o.Id);
            order.Ignore(o => o.StatusText);
            order.Property(o => o.Status).HasConversion(status => status.ToText(), text => OrderStatuses.Parse(text));
            order.Property(o => o.Answer).HasColumnType("json");
            order.HasMany(o => o.Lines).WithOne().HasForeignKey(line => line.OrderId);
            order.HasMany(o => o.PaymentAttempts).WithOne().HasForeignKey(attempt => attempt.OrderId);
            order.HasMany(o => o.Shipments).WithOne().HasForeignKey(shipment => shipment.OrderId);
        });
        modelBuilder.Entity<OrderLine>().ToTable("order_lines").HasKey(line => new { line.OrderId, line.ProductId });
        modelBuilder.Entity<PaymentAttempt>().ToTable("payment_attempts")
            .HasKey(attempt => new { attempt.OrderId, attempt.PaymentId });
        modelBuilder.Entity<Shipment>().ToTable("shipments").HasKey(shipment => shipment.Id);
        modelBuilder.Entity<OrderTransition>().ToTable("order_transitions")
            .HasKey(transition => new { transition.OrderId, transition.Version });
        modelBuilder.Entity<Coupon>().ToTable("coupons").HasKey(coupon => coupon.Id);
        modelBuilder.Entity<UserCoupon>(claim =>
        {
            claim.ToTable("user_coupons").HasKey(c => c.Id);
            claim.Ignore(c => c.StatusText);
            claim.Property(c => c.Status)
                .HasConversion(status => status.ToText(), text => UserCouponStatuses.Parse(text));
            claim.HasOne(c => c.Coupon).WithMany().HasForeignKey(c => c.CouponId);
        });
        modelBuilder.Entity<Notification>().ToTable("notifications").HasKey(notification => notification.Id);
        modelBuilder.Entity<Webhook>().ToTable("webhooks").HasKey(webhook => webhook.Id);
        modelBuilder.Entity<WebhookDelivery>().ToTable("webhook_deliveries")
            .HasKey(delivery => new { delivery.WebhookId, delivery.EventId });

        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            property.SetColumnName(SnakeCase(property.Name));
        }
    }

    private static string SnakeCase(string name) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
