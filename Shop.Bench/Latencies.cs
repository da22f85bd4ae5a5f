using System.Diagnostics;
using System.Numerics;

namespace Shop.Bench;

/// <summary>
/// A histogram of durations in microseconds. Buckets grow with the value, so that each is known to about 1.6 %.
/// Not for several threads at once: each connection has its own, and they are added up at the end.
/// </summary>
internal sealed class Latencies
{
    private const int StepBits = 6;
    private const int Steps = 1 << StepBits;

    private readonly long[] _counts = new long[Steps * (64 - StepBits)];
    private long _count;

    public long Count => _count;

    public void Add(long startedTimestamp) =>
        AddMicroseconds((long)Stopwatch.GetElapsedTime(startedTimestamp).TotalMicroseconds);

    public void AddMicroseconds(long microseconds)
    {
        _counts[BucketOf(microseconds)]++;
        _count++;
    }

    public void Add(Latencies other)
    {
        for (var i = 0; i < _counts.Length; i++) _counts[i] += other._counts[i];
        _count += other._count;
    }

    /// <summary>The duration that this share of all stayed within; 0 where there are none.</summary>
    public double PercentileMs(double percentile)
    {
        var rank = (long)Math.Ceiling(_count * percentile / 100);
        for (var i = 0; i < _counts.Length; i++)
        {
            rank -= _counts[i];
            if (rank <= 0 && _counts[i] > 0) return Math.Round(UpperMicroseconds(i) / 1000.0, 2);
        }

        return 0;
    }

    // Below Steps each microsecond has its bucket; above, each power of two is cut into Steps.
    private static int BucketOf(long microseconds)
    {
        if (microseconds < Steps) return (int)Math.Max(0, microseconds);
        var shift = BitOperations.Log2((ulong)microseconds) - StepBits;
        return (shift + 1) * Steps + (int)((microseconds >> shift) - Steps);
    }

    private static long UpperMicroseconds(int bucket)
    {
        if (bucket < Steps) return bucket;
        var shift = bucket / Steps - 1;
        return ((bucket % Steps + Steps + 1L) << shift) - 1;
    }
}
