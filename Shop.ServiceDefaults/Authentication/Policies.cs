namespace Shop.ServiceDefaults.Authentication;

/// <summary>Names of the authorization policies. An endpoint that names none is closed to anonymous callers.</summary>
public static class Policies
{
    /// <summary>A person, never a service.</summary>
    public const string SignedIn = "signed-in";

    public const string Admin = "admin";

    public const string SellerOrAdmin = "seller-or-admin";

    /// <summary>A service whose token has the scope <c>catalog.internal</c>.</summary>
    public const string CatalogInternal = "catalog.internal";

    /// <summary>A service whose token has the scope <c>ordering.internal</c>.</summary>
    public const string OrderingInternal = "ordering.internal";

    /// <summary>A service whose token has the scope <c>payments.internal</c>.</summary>
    public const string PaymentsInternal = "payments.internal";

    /// <summary>An admin, or a service whose token has the scope <c>ops</c>.</summary>
    public const string Operations = "ops";
}
