using System.Security.Cryptography;

namespace Aspire.Hosting.ApplicationModel;

public class ContainerResource(string name, string? entrypoint = null)
    : Resource(name), IResourceWithEnvironment, IResourceWithArgs, IResourceWithEndpoints, IResourceWithWaitSupport,
        IComputeResource
{
    public string? Entrypoint { get; set; } = entrypoint;
}

public class ExecutableResource(string name, string command, string workingDirectory)
    : Resource(name), IResourceWithEnvironment, IResourceWithArgs, IResourceWithEndpoints, IResourceWithWaitSupport,
        IResourceWithServiceDiscovery, IComputeResource
{
    public string Command { get; } = command;
    public string WorkingDirectory { get; } = workingDirectory;
}

public class ProjectResource(string name)
    : Resource(name), IResourceWithEnvironment, IResourceWithArgs, IResourceWithEndpoints, IResourceWithWaitSupport,
        IResourceWithServiceDiscovery, IComputeResource;

public abstract class ParameterDefault
{
    public abstract string GetDefaultValue();
}

/// <summary>A random value that satisfies the asked-for classes of characters.</summary>
public sealed class GenerateParameterDefault : ParameterDefault
{
    private const string LowerChars = "abcdefghjkmnpqrstuvwxyz";
    private const string UpperChars = "ABCDEFGHJKMNPQRSTUVWXYZ";
    private const string NumericChars = "0123456789";
    private const string SpecialChars = "-_.{}~()*+!";

    public int MinLength { get; set; } = 22;
    public bool Lower { get; set; } = true;
    public bool Upper { get; set; } = true;
    public bool Numeric { get; set; } = true;
    public bool Special { get; set; } = true;
    public int MinLower { get; set; }
    public int MinUpper { get; set; }
    public int MinNumeric { get; set; }
    public int MinSpecial { get; set; }

    public override string GetDefaultValue()
    {
        (bool Wanted, int Minimum, string Chars)[] classes =
        [
            (Lower, MinLower, LowerChars), (Upper, MinUpper, UpperChars),
            (Numeric, MinNumeric, NumericChars), (Special, MinSpecial, SpecialChars),
        ];
        var value = new List<char>();
        foreach (var (wanted, minimum, chars) in classes)
        {
            if (wanted) value.AddRange(RandomNumberGenerator.GetItems<char>(chars, minimum));
        }

        var all = string.Concat(classes.Where(c => c.Wanted).Select(c => c.Chars));
        var rest = Math.Max(0, MinLength - value.Count);
        value.AddRange(RandomNumberGenerator.GetItems<char>(all, rest));
        var shuffled = value.ToArray();
        RandomNumberGenerator.Shuffle<char>(shuffled);
        return new string(shuffled);
    }
}

public class ParameterResource(string name, Func<ParameterDefault?, string> callback, bool secret = false)
    : Resource(name), IManifestExpressionProvider, IValueProvider
{
    private readonly Lock _gate = new();
    private string? _value;

    public ParameterDefault? Default { get; set; }
    public bool Secret { get; } = secret;
    public bool IsConnectionString { get; set; }
    public string? Description { get; set; }
    public string ValueExpression => $"{{{Name}.value}}";

    public ValueTask<string?> GetValueAsync(CancellationToken cancellationToken)
    {
        lock (_gate) return new(_value ??= callback(Default));
    }
}

/// <summary>A connection string that configuration gives; WithReference treats it like any resource.</summary>
internal sealed class ConnectionStringParameterResource(ParameterResource parameter, string? environmentVariable)
    : IResourceWithConnectionString
{
    public string Name => parameter.Name;
    public ResourceAnnotationCollection Annotations => parameter.Annotations;
    public string? ConnectionStringEnvironmentVariable => environmentVariable;
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{parameter}");
}
