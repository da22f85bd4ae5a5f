using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Shop.ServiceDefaults.Data;

/// <summary>A numbered SQL file, embedded in the assembly that owns it as <c>...Schema.000N_name.sql</c>.</summary>
internal sealed record SchemaFile(string Name, string Sql, byte[] Sha256)
{
    private const string GrantsName = ".Schema.grants.sql";

    /// <summary>The schema files of an assembly in the order of their numbers.</summary>
    public static IEnumerable<SchemaFile> Of(Assembly assembly) =>
        from resource in assembly.GetManifestResourceNames()
        where resource.Contains(".Schema.", StringComparison.Ordinal)
            && resource.EndsWith(".sql", StringComparison.Ordinal)
            && !resource.EndsWith(GrantsName, StringComparison.Ordinal)
        orderby resource
        select Read(assembly, resource);

    /// <summary>The text of an assembly's <c>Schema/grants.sql</c>: what the service's role may do.</summary>
    public static string GrantsOf(Assembly assembly) =>
        assembly.GetManifestResourceNames()
            .SingleOrDefault(resource => resource.EndsWith(GrantsName, StringComparison.Ordinal)) is { } resource
            ? Read(assembly, resource).Sql
            : throw new InvalidOperationException(
                $"{assembly.GetName().Name} has no Schema/grants.sql, so its role could not touch a table.");

    private static SchemaFile Read(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var sql = reader.ReadToEnd().ReplaceLineEndings("\n");
        return new(resource, sql, SHA256.HashData(Encoding.UTF8.GetBytes(sql)));
    }
}
