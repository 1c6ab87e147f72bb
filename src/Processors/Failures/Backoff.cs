namespace Pipeline.Processors.Failures;

/// <summary>How long to wait before what failed is tried again: doubling from 100 ms to 5 s, between half and all of it at random, so that many do not come back all at once.</summary>
static class Backoff
{
    public static readonly TimeSpan Min = TimeSpan.FromMilliseconds(100), Max = TimeSpan.FromSeconds(5);

    /// <param name="failures">How often it failed before this time, from 0.</param>
    public static TimeSpan After(int failures, Random? random = null) =>
        TimeSpan.FromTicks((long)(Math.Min(Min.Ticks * Math.Pow(2, Math.Min(failures, 10)), Max.Ticks) * (0.5 + ((random ?? Random.Shared).NextDouble() / 2))));
}
