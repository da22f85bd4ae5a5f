using System.Globalization;
using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Where a page of a list ended that is ordered by time and then id, since an id that is derived from a key says
/// nothing about time.
/// </summary>
public static class TimeCursor
{
    public static string Of(DateTimeOffset at, Guid id) =>
        string.Create(CultureInfo.InvariantCulture, $"{at.UtcTicks:x}-{id:N}");

    public static (DateTimeOffset At, Guid Id)? Parse(string cursor) =>
        cursor.Split('-') is [var time, var text]
        && long.TryParse(time, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ticks)
        && ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
        && Guid.TryParseExact(text, "N", out var id)
            ? (new DateTimeOffset(ticks, TimeSpan.Zero), id)
            : null;

    /// <summary>The rows after a cursor of <see cref="Of"/>, or all of them, the newest first.</summary>
    /// <param name="at">The time of a row; with <paramref name="id"/> the columns of an index.</param>
    public static IQueryable<TRow> NewestFirst<TRow>(
        this IQueryable<TRow> rows, string? cursor, Expression<Func<TRow, DateTimeOffset>> at,
        Expression<Func<TRow, Guid>> id)
    {
        if (cursor is not null && Parse(cursor) is var (lastAt, lastId))
        {
            // (at, id) < (lastAt, lastId) as one comparison of rows, which an index of both columns answers.
            Expression<Func<DateTimeOffset, Guid, bool>> isOlder = (time, key) => EF.Functions.LessThan(
                ValueTuple.Create(time, key), ValueTuple.Create(lastAt, lastId));
            var row = Expression.Parameter(typeof(TRow), "row");
            var body = new Inlining(new()
            {
                [isOlder.Parameters[0]] = new Inlining(new() { [at.Parameters[0]] = row }).Visit(at.Body),
                [isOlder.Parameters[1]] = new Inlining(new() { [id.Parameters[0]] = row }).Visit(id.Body),
            }).Visit(isOlder.Body);
            rows = rows.Where(Expression.Lambda<Func<TRow, bool>>(body, row));
        }

        return rows.OrderByDescending(at).ThenByDescending(id);
    }

    private sealed class Inlining(Dictionary<ParameterExpression, Expression> values) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => values.GetValueOrDefault(node, node);
    }
}
