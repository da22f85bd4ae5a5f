using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Configuration;

namespace Aspire.Hosting;

/// <summary>
/// Parameters read Parameters:{name}, connection strings ConnectionStrings:{name}. What is generated is kept in the
/// user secrets, so that a data folder still accepts its password at the next start.
/// </summary>
public static class ParameterResourceBuilderExtensions
{
    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder, string name, bool secret = false) =>
        builder.AddResource(CreateParameter(builder, name, secret));

    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder,
        string name,
        string value,
        bool publishValueAsDefault = false,
        bool secret = false) =>
        builder.AddParameter(name, () => value, publishValueAsDefault, secret);

    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder,
        string name,
        Func<string> valueGetter,
        bool publishValueAsDefault = false,
        bool secret = false) =>
        builder.AddResource(new ParameterResource(
            name, _ => builder.Configuration[$"Parameters:{name}"] ?? valueGetter(), secret));

    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder,
        string name,
        ParameterDefault value,
        bool secret = false,
        bool persist = false)
    {
        var parameter = CreateParameter(builder, name, secret);
        parameter.Default = persist ? new KeptDefault(builder, $"Parameters:{name}", value) : value;
        return builder.AddResource(parameter);
    }

    public static IResourceBuilder<IResourceWithConnectionString> AddConnectionString(
        this IDistributedApplicationBuilder builder, string name, string? environmentVariableName = null)
    {
        var parameter = new ParameterResource(
            name,
            _ => builder.Configuration.GetConnectionString(name) ?? throw new MissingParameterValueException(
                "Connection string parameter resource could not be used because connection string "
                + $"'{name}' is missing."),
            secret: true)
        {
            IsConnectionString = true,
        };
        builder.AddResource(parameter);
        return builder.CreateResourceBuilder<IResourceWithConnectionString>(
            new ConnectionStringParameterResource(parameter, environmentVariableName));
    }

    public static ParameterResource CreateParameter(IDistributedApplicationBuilder builder, string name, bool secret) =>
        new(
            name,
            fallback => builder.Configuration[$"Parameters:{name}"] ?? fallback?.GetDefaultValue()
                ?? throw new MissingParameterValueException(
                    $"Parameter resource could not be used because configuration key 'Parameters:{name}' is missing "
                    + "and the Parameter has no default value."),
            secret);

    public static ParameterResource CreateGeneratedParameter(
        IDistributedApplicationBuilder builder, string name, bool secret, GenerateParameterDefault parameterDefault)
    {
        var parameter = CreateParameter(builder, name, secret);
        parameter.Default = new KeptDefault(builder, $"Parameters:{name}", parameterDefault);
        return parameter;
    }

    public static ParameterResource CreateDefaultPasswordParameter(
        IDistributedApplicationBuilder builder,
        string name,
        bool lower = true,
        bool upper = true,
        bool numeric = true,
        bool special = true,
        int minLower = 0,
        int minUpper = 0,
        int minNumeric = 0,
        int minSpecial = 0) =>
        CreateGeneratedParameter(builder, name, secret: true, new GenerateParameterDefault
        {
            Lower = lower,
            Upper = upper,
            Numeric = numeric,
            Special = special,
            MinLower = minLower,
            MinUpper = minUpper,
            MinNumeric = minNumeric,
            MinSpecial = minSpecial,
        });

    private sealed class KeptDefault(IDistributedApplicationBuilder builder, string key, ParameterDefault inner)
        : ParameterDefault
    {
        public override string GetDefaultValue()
        {
            var value = inner.GetDefaultValue();
            (builder as DistributedApplicationBuilder)?.Secrets?.Set(key, value);
            return value;
        }
    }
}
