using System.Data;
using Dapper;

namespace Shop.ServiceDefaults.Data;

/// <summary>What Dapper needs to know about the types of this schema, told once per process.</summary>
internal static class SqlTypes
{
    private static int _registered;

    public static void Register()
    {
        if (Interlocked.Exchange(ref _registered, 1) == 1) return;
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new UtcInstant());
        SqlMapper.AddTypeHandler(new Day());
    }

    private sealed class UtcInstant : SqlMapper.TypeHandler<DateTimeOffset>
    {
        public override DateTimeOffset Parse(object value) => value switch
        {
            DateTimeOffset instant => instant,
            DateTime utc => new DateTimeOffset(DateTime.SpecifyKind(utc, DateTimeKind.Utc)),
            _ => throw new DataException($"{value.GetType()} is not a timestamptz."),
        };

        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value) =>
            parameter.Value = value.ToUniversalTime();
    }

    private sealed class Day : SqlMapper.TypeHandler<DateOnly>
    {
        public override DateOnly Parse(object value) => value switch
        {
            DateOnly day => day,
            DateTime midnight => DateOnly.FromDateTime(midnight),
            _ => throw new DataException($"{value.GetType()} is not a date."),
        };

        public override void SetValue(IDbDataParameter parameter, DateOnly value) => parameter.Value = value;
    }
}

public static class Instants
{
    /// <summary>Cuts an instant to PostgreSQL's resolution, so that a stored one reads back equal.</summary>
    public static DateTimeOffset ToMicroseconds(this DateTimeOffset instant) =>
        instant.AddTicks(-(instant.Ticks % TimeSpan.TicksPerMicrosecond));
}
