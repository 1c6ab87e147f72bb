using System.Diagnostics;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>Waiting for something to become so: polls, and at the deadline fails with what it saw last.</summary>
static class Until
{
    static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    public static async Task<T> TrueAsync<T>(string what, TimeSpan within, Func<Task<T>> look, Func<T, bool> isSo)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var seen = await look();
            if (isSo(seen))
                return seen;
            if (Stopwatch.GetElapsedTime(started) > within)
                throw new TimeoutException($"not within {within.TotalSeconds} s: {what}; seen last: {seen}");
            await Task.Delay(Step);
        }
    }

    public static Task TrueAsync(string what, TimeSpan within, Func<Task<bool>> isSo) => TrueAsync(what, within, isSo, so => so);

    public static Task TrueAsync(string what, TimeSpan within, Func<bool> isSo) => TrueAsync(what, within, () => Task.FromResult(isSo()), so => so);
}

/// <summary>Every random choice comes from here. <c>PIPELINE_TEST_SEED</c> repeats an earlier run.</summary>
static class Seeds
{
    public static Random Next()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("PIPELINE_TEST_SEED"), out var given) ? given : Environment.TickCount & 0xFFFFFF;
        Say($"seed {seed} (PIPELINE_TEST_SEED={seed} repeats it)");
        return new Random(seed);
    }

    public static void Say(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);
}
