using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>Typed parameters of hand-written batches: no boxing, no guessing of types.</summary>
public static class Sql
{
    public static NpgsqlParameter Array<T>(T[] values) => new NpgsqlParameter<T[]> { TypedValue = values };

    /// <summary>One column of the rows, for <c>unnest</c>.</summary>
    public static NpgsqlParameter Array<TRow, T>(IReadOnlyList<TRow> rows, Func<TRow, T> column)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++) values[i] = column(rows[i]);
        return Array(values);
    }

    public static NpgsqlParameter Value<T>(T value) => new NpgsqlParameter<T> { TypedValue = value };
}
