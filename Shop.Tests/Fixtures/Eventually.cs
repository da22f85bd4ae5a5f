using System.Diagnostics;

namespace Shop.Tests.Fixtures;

/// <summary>Waits for what happens in the background: a condition with a deadline, never a fixed pause.</summary>
public static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks until the answer satisfies the condition; fails with the last answer after the deadline.</summary>
    public static async Task<T> GetAsync<T>(
        Func<Task<T>> ask, Func<T, bool> condition, TimeSpan? within = null, string? what = null)
    {
        var deadline = within ?? TimeSpan.FromSeconds(30);
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Pause);
        while (true)
        {
            var answer = await ask();
            if (condition(answer)) return answer;

            var waited = Stopwatch.GetElapsedTime(started);
            Assert.True(waited < deadline, $"{what ?? "The condition"} did not hold within {deadline}; last: {answer}");
            await timer.WaitForNextTickAsync();
        }
    }

    public static Task HoldsAsync(Func<Task<bool>> condition, TimeSpan? within = null, string? what = null) =>
        GetAsync(condition, holds => holds, within, what);
}
