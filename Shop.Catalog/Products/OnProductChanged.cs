using Shop.ServiceDefaults.Events;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Catalog.Products;

/// <summary>
/// Ends what is cached of products once more: the process that changed one may have died before it could.
/// </summary>
internal static class OnProductChanged
{
    public static Task<Verdict> Created(ProductCreated created, HandlerContext<CatalogDb> context) => Forget(context);

    public static Task<Verdict> Updated(ProductUpdated updated, HandlerContext<CatalogDb> context) => Forget(context);

    private static Task<Verdict> Forget(HandlerContext<CatalogDb> context)
    {
        // Dying before it has run: entries end by themselves within the half second that they live.
        context.AfterCommit(_ => context.Services.GetRequiredService<ProductCache>().BeginGenerationAsync());
        return Task.FromResult(Verdict.Applied);
    }
}
