using Npgsql;

namespace Shop.ServiceDefaults.Data;

/// <summary>
/// Typed parameters of hand-written batches: no boxing, no guessing of types. Without names they are <c>$1</c>,
/// <c>$2</c> and so on, in their order.
/// </summary>
public static class Sql
{
    public static NpgsqlParameter Array<T>(T[] values, string name = "") =>
        new NpgsqlParameter<T[]>(name, values);

    /// <summary>One column of the rows, for <c>unnest</c>.</summary>
    public static NpgsqlParameter Array<TRow, T>(IReadOnlyList<TRow> rows, Func<TRow, T> column, string name = "")
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++) values[i] = column(rows[i]);
        return Array(values, name);
    }

    public static NpgsqlParameter Value<T>(T value, string name = "") => new NpgsqlParameter<T>(name, value);
}
