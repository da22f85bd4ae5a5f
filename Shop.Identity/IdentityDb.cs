using Microsoft.EntityFrameworkCore;
using Shop.Identity.Users;

namespace Shop.Identity;

internal sealed class IdentityDb(DbContextOptions<IdentityDb> options) : DbContext(options)
{
    public DbSet<User> Users => Set<User>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var user = modelBuilder.Entity<User>();
        user.ToTable("users").HasKey(u => u.Id);
        user.Property(u => u.Id).HasColumnName("id");
        user.Property(u => u.EmailHash).HasColumnName("email_hash");
        user.Property(u => u.Email).HasColumnName("email");
        user.Property(u => u.Name).HasColumnName("name");
        user.Property(u => u.Phone).HasColumnName("phone");
        user.Property(u => u.PasswordHash).HasColumnName("password_hash");
        user.Property(u => u.Roles).HasColumnName("roles");
        user.Property(u => u.SellerId).HasColumnName("seller_id");
        user.Property(u => u.CreatedAt).HasColumnName("created_at");
    }
}
