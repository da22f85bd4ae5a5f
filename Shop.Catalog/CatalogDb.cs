using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Catalog.Products;

namespace Shop.Catalog;

/// <summary>Reads of the catalog. The schema is in <c>Schema/</c>; this maps it and never generates it.</summary>
internal sealed class CatalogDb(DbContextOptions<CatalogDb> options) : DbContext(options)
{
    public DbSet<Product> Products => Set<Product>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products");
            product.Property(p => p.Status)
                .HasConversion(status => status.ToText(), text => ProductStatuses.Parse(text));
            product.Property(p => p.Search).HasColumnType("tsvector").ValueGeneratedOnAddOrUpdate();
            product.HasOne(p => p.Stock).WithOne().HasForeignKey<ProductStock>(s => s.ProductId);
        });
        modelBuilder.Entity<ProductStock>(stock =>
        {
            stock.ToTable("stock");
            stock.HasKey(s => s.ProductId);
        });

        foreach (var property in modelBuilder.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        }
    }
}
