namespace Shop.Tests.Architecture;

/// <summary>The sources of this repository, found from the test's own folder.</summary>
internal static class Repository
{
    public static readonly string Root = FindRoot();

    public static readonly string[] Services =
        ["Shop.Identity", "Shop.Catalog", "Shop.Ordering", "Shop.Payments", "Shop.PaymentSandbox"];

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Every source file that somebody wrote, relative to the root, with forward slashes.</summary>
    public static IEnumerable<string> Sources(string pattern = "*.cs") =>
        from file in Directory.EnumerateFiles(Root, pattern, SearchOption.AllDirectories)
        let path = Path.GetRelativePath(Root, file).Replace('\\', '/')
        where !path.Split('/').Any(part => part is "bin" or "obj" or ".shop" or ".git" or "node_modules")
        select path;

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Shop.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("Shop.sln was not found above the tests.");
    }
}
