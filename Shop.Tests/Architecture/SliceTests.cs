using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Data;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Tests.Architecture;

public sealed class SliceTests
{
    private const BindingFlags Declared = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
        | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static TheoryData<string> Assemblies =>
        [.. Repository.Services.Append("Shop.Workers").Append("Shop.ServiceDefaults")];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void No_slice_takes_two_databases(string assembly)
    {
        var guilty =
            from type in Assembly.Load(assembly).GetTypes()
            from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
            let databases = method.GetParameters().Select(p => DatabaseOf(p.ParameterType)).OfType<Type>().Distinct()
            where databases.Count() > 1
            select $"{type.FullName}.{method.Name}";

        Assert.Empty(guilty);
    }

    // .NET's request validation silently skips types that are not public: a bad body would be accepted.
    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Every_request_is_public_so_that_it_is_validated(string assembly)
    {
        var hidden =
            from type in Assembly.Load(assembly).GetTypes()
            where type.Name == "Request" && !type.IsPublic && !type.IsNestedPublic
            select type.FullName;

        Assert.Empty(hidden);
    }

    private static Type? DatabaseOf(Type parameter)
    {
        if (typeof(DbContext).IsAssignableFrom(parameter) && !parameter.IsGenericParameter) return parameter;
        if (!parameter.IsGenericType) return null;

        Type[] owners =
        [
            typeof(Database<>), typeof(Transaction<>), typeof(DatabaseSource<>), typeof(DatabaseOwner<>),
            typeof(HandlerContext<>),
        ];
        var database = parameter.GetGenericArguments()[0];
        return owners.Contains(parameter.GetGenericTypeDefinition()) && !database.IsGenericParameter ? database : null;
    }
}
