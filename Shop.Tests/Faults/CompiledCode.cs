using System.Reflection;
using System.Reflection.Emit;

namespace Shop.Tests.Faults;

/// <summary>A call as the compiler wrote it, with the strings that it loads right before.</summary>
/// <param name="Literals">Of the instructions before the call, the nearest last; ends at anything else.</param>
internal sealed record CompiledCall(string Caller, MethodBase Callee, IReadOnlyList<string> Literals);

/// <summary>
/// Reads the calls of an assembly out of its code: lambdas and state machines are methods there like all others, so
/// none can hide behind the way it is written.
/// </summary>
internal static class CompiledCode
{
    private const BindingFlags Declared = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
        | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    public static IEnumerable<CompiledCall> CallsOf(Assembly assembly, Func<MethodBase, bool> wanted) =>
        from type in assembly.GetTypes()
        from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
        from call in CallsIn(method)
        where wanted(call.Callee)
        select call;

    private static IEnumerable<CompiledCall> CallsIn(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code) yield break;

        var literals = new List<string>();
        var at = 0;
        while (at < code.Length)
        {
            var opCode = ReadOpCode(code, ref at);
            if (opCode == OpCodes.Ldstr)
            {
                literals.Add(method.Module.ResolveString(BitConverter.ToInt32(code, at)));
            }
            else
            {
                if (opCode == OpCodes.Call || opCode == OpCodes.Callvirt)
                {
                    var callee = Resolve(method, BitConverter.ToInt32(code, at));
                    yield return new($"{method.DeclaringType}.{method.Name}", callee, [.. literals]);
                }

                literals.Clear();
            }

            at += OperandSize(opCode, code, at);
        }
    }

    private static MethodBase Resolve(MethodBase from, int token) => from.Module.ResolveMethod(
        token,
        from.DeclaringType!.GetGenericArguments(),
        from.IsGenericMethod ? from.GetGenericArguments() : [])!;

    // ECMA-335, III.1.2: codes of two bytes begin with FE.
    private static OpCode ReadOpCode(byte[] code, ref int at)
    {
        short value = code[at++];
        return value == 0xFE ? Codes[unchecked((short)(0xFE00 | code[at++]))] : Codes[value];
    }

    private static int OperandSize(OpCode opCode, byte[] code, int at) => opCode.OperandType switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
        _ => 4,
    };
}
