using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Shop.Tests.Architecture;

namespace Shop.Tests.StandIns;

/// <summary>
/// standins/api.md is the one list of what the stand-ins offer, each type with its page in the documentation of the
/// original. It is written by this test and read by people: a member that is not reviewed into it fails the build.
/// Set SHOP_WRITE_API=1 to write it anew.
/// </summary>
public sealed class PublicMembersTests
{
    private const string Head = """
        # Public members of the stand-ins

        Everything that code outside `standins/` can call when it is built with stand-ins. Each type links to the page
        of the original; a member is reviewed against that page before it is added here. `PublicMembersTests` compares
        this file with the assemblies; with `SHOP_WRITE_API=1` it writes the file.

        """;

    [Fact]
    public void The_list_and_the_assemblies_agree()
    {
        var file = Path.Combine(Repository.Root, "standins", "api.md");
        var list = Head + string.Concat(Directory.GetDirectories(Path.Combine(Repository.Root, "standins"))
            .Select(d => Path.GetFileName(d)!)
            .Where(name => File.Exists(Path.Combine(AppContext.BaseDirectory, $"{name}.dll")))
            .Order(StringComparer.Ordinal)
            .Select(Section));
        if (Environment.GetEnvironmentVariable("SHOP_WRITE_API") == "1") File.WriteAllText(file, list);

        Assert.Equal(list, File.Exists(file) ? File.ReadAllText(file) : "");
    }

    private static string Section(string package)
    {
        var types = Assembly.Load(new AssemblyName(package)).GetExportedTypes()
            .Where(t => !t.IsNestedPublic || t.DeclaringType!.IsPublic)
            .OrderBy(t => t.FullName, StringComparer.Ordinal);
        var text = new StringBuilder($"\n## {package}\n");
        foreach (var type in types)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n- [{Name(type, full: true)}]({Page(type)})\n");
            foreach (var member in Members(type)) text.Append(CultureInfo.InvariantCulture, $"  - `{member}`\n");
        }

        return text.ToString();
    }

#pragma warning disable CA1308 // The addresses of the documentation are lower case.
    private static string Page(Type type) =>
        "https://learn.microsoft.com/dotnet/api/"
        + type.FullName!.Replace('`', '-').Replace('+', '.').ToLowerInvariant();
#pragma warning restore CA1308

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum) return Enum.GetNames(type);
        if (typeof(Delegate).IsAssignableFrom(type)) return [];

        const BindingFlags Own =
            BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        return type.GetMembers(Own)
            .Where(IsWritten)
            .Select(Describe)
            .Order(StringComparer.Ordinal);
    }

    private static bool IsWritten(MemberInfo member) =>
        member is not Type
        && member is not MethodInfo { IsSpecialName: true, Name: not "op_Implicit" }
        && !member.IsDefined(typeof(CompilerGeneratedAttribute))
        && member.Name is not ("Equals" or "GetHashCode" or "ToString" or "Deconstruct" or "<Clone>$");

    private static string Describe(MemberInfo member) => member switch
    {
        ConstructorInfo constructor => $"new({Parameters(constructor)})",
        MethodInfo method => $"{method.Name}{Arguments(method)}({Parameters(method)})",
        _ => member.Name,
    };

    private static string Arguments(MethodInfo method) => method.IsGenericMethodDefinition
        ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>"
        : "";

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(p => Name(p.ParameterType, full: false)));

    private static string Name(Type type, bool full)
    {
        if (type.IsByRef) return Name(type.GetElementType()!, full);
        if (type.IsArray) return $"{Name(type.GetElementType()!, full)}[]";
        if (type.IsGenericParameter) return type.Name;

        var name = full ? type.FullName!.Split('[')[0].Replace('+', '.') : type.Name;
        if (!type.IsGenericType) return name;

        var arguments = string.Join(", ", type.GetGenericArguments().Select(a => Name(a, full: false)));
        return $"{name.Split('`')[0]}<{arguments}>";
    }
}
