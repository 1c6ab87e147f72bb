using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MathNet.Numerics.LinearAlgebra;
using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Benchmarks;

/// <summary>
/// The kernels beside numpy and scipy of /usr/bin/python3 on the same values, in turns; beside MathNet and TensorPrimitives; and, on values that no cache holds, beside what memory gives.
/// </summary>
static class AnalysisBenchmark
{
    const int Hot = 1_000_000, Cold = 32_000_000, Lags = 40;

    static readonly Dictionary<string, double> Wanted = new()
    {
        ["sum"] = 1.8, ["mean"] = 1.8, ["std"] = 4, ["summary"] = 50, ["median"] = 6, ["percentiles"] = 4, ["lags by dot"] = 1.3, ["lags by fourier"] = 1.3,
    };

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, Hot).Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, MemoryMarshal.AsBytes<double>(x).ToArray());
        report.Line($"  {Simd.Width} bits, load {File.ReadAllText("/proc/loadavg").Trim()}");
        var (ours, peers) = (new Dictionary<string, List<double>>(), new Dictionary<string, List<double>>());
        // Once for the compiler, which is at it until long after the first calls.
        _ = Ours(x, 1).ToList();
        for (var turn = 0; turn < (quick ? 1 : 5); turn++)
        {
            foreach (var (name, seconds) in Ours(x, quick ? 11 : 41))
                Add(ours, name, seconds);
            foreach (var (name, seconds) in await PeersAsync(file, quick ? 3 : 9))
                Add(peers, name, seconds);
        }
        File.Delete(file);
        foreach (var (name, seconds) in ours)
            report.Figure(name, Report.Median(seconds) * 1e6, "µs", $"{Hot * 8 / Report.Median(seconds) / 1e9:F1} GB/s");
        foreach (var (name, seconds) in peers)
            report.Ratio($"{name}, numpy or scipy / ours", Report.Median(seconds), Report.Median(ours[name.StartsWith("lags", StringComparison.Ordinal) ? "lags" : name]),
                Wanted.TryGetValue(name, out var wanted) ? $"≥ {wanted}" : "reported");
        Libraries(x, report);
        Memory(report);
    }

    static IEnumerable<(string, double)> Ours(double[] x, int rounds)
    {
        double[] shares = [0.05, 0.25, 0.5, 0.75, 0.95], five = new double[5], lags = new double[Lags];
        yield return ("sum", Time(rounds, () => Sum.Of(x, NanPolicy.Propagate)));
        yield return ("mean", Time(rounds, () => Mean.Of(x, NanPolicy.Propagate)));
        yield return ("std", Time(rounds, () => Variance.Deviation(x, 1, NanPolicy.Propagate)));
        yield return ("min", Time(rounds, () => Extremes.Min(x, NanPolicy.Propagate)));
        yield return ("summary", Time(rounds, () => Summary.Of(x, 1, true, NanPolicy.Propagate)));
        yield return ("median", Time(rounds, () => Median.Of(x, NanPolicy.Propagate)));
        yield return ("percentiles", Time(rounds, () => Quantiles.Of(x, shares, QuantileMethod.R7, NanPolicy.Propagate, five)));
        yield return ("lags", Time(rounds, () => Autocorrelation.Of(x, 1, NanPolicy.Propagate, lags, CancellationToken.None)));
    }

    static async Task<List<(string, double)>> PeersAsync(string file, int rounds)
    {
        var script = Path.Combine(Environment.GetEnvironmentVariable("PIPELINE_REPO") ?? ".", "tests", "Benchmarks", "analysis_peers.py");
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, file, $"{rounds}"]) { RedirectStandardOutput = true })!;
        var lines = (await python.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await python.WaitForExitAsync();
        return [.. lines.Select(l => l.Split('\t')).Select(l => (l[0], double.Parse(l[1], CultureInfo.InvariantCulture)))];
    }

    static void Libraries(double[] x, Report report)
    {
        const int side = 512;
        double[] a = x[..(side * side)], b = x[^(side * side)..], c = new double[side * side];
        var (left, right) = (Matrix<double>.Build.Dense(side, side, a), Matrix<double>.Build.Dense(side, side, b));
        report.Ratio("512 × 512 product, MathNet / ours", Time(11, () => left.Multiply(right)),
            Time(11, () => MatrixProduct.Of(a, b, side, side, side, side, NanPolicy.Propagate, c, CancellationToken.None)), "reported");
        report.Ratio("median, MathNet / ours", Time(11, () => MathNet.Numerics.Statistics.ArrayStatistics.MedianInplace([.. x])), Time(11, () => Median.Of(x, NanPolicy.Propagate)), "reported");
        report.Ratio("sum, TensorPrimitives / ours", Time(41, () => TensorPrimitives.Sum<double>(x)), Time(41, () => Sum.Of(x, NanPolicy.Propagate)), "reported");
        report.Ratio("dot, TensorPrimitives / ours", Time(41, () => TensorPrimitives.Dot<double>(x, x)), Time(41, () => Dot.Of(x, x)), "reported");
        report.Ratio("std, MathNet / ours", Time(11, () => MathNet.Numerics.Statistics.ArrayStatistics.StandardDeviation(x)), Time(41, () => Variance.Deviation(x, 1, NanPolicy.Propagate)), "reported");
        foreach (var size in new[] { 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19 })
        {
            var part = x[..size];
            report.Figure($"summary of {size} values", Time(101, () => Summary.Of(part, 1, true, NanPolicy.Propagate)) * 1e6, "µs");
        }
    }

    static void Memory(Report report)
    {
        var x = new double[Cold];
        for (var i = 0; i < x.Length; i++)
            x[i] = i % 1009;
        // Turn by turn: what memory gives changes with the machine's other guests.
        foreach (var (name, kernel) in new (string, Func<double>)[] { ("sum", () => Sum.Of(x, NanPolicy.Propagate).Value), ("std", () => Variance.Deviation(x, 1, NanPolicy.Propagate).Value),
            ("summary", () => Summary.Of(x, 1, true, NanPolicy.Propagate).Value.Mean), ("min", () => Extremes.Min(x, NanPolicy.Propagate).Value) })
        {
            var (read, ours) = Times(21, () => Read(x), kernel);
            report.Ratio($"cold {name} / memory", read, ours, string.Create(CultureInfo.InvariantCulture, $"≥ 0.9; loads alone on every core {Cold * 8 / read / 1e9:N1} GB/s"));
        }
    }

    /// <summary>Nothing but loads, and an addition for each so that they are not left out: piece by piece on every core, as the kernels do it.</summary>
    static double Read(double[] x)
    {
        var sums = new double[Segments.Of(x.Length)];
        Segments.Run(new Reading(x, sums), sums.Length, x.Length);
        return sums.Sum();
    }

    readonly struct Reading(double[] x, double[] sums) : ISegmentWork
    {
        public void Do(int segment)
        {
            ref var first = ref MemoryMarshal.GetArrayDataReference(x);
            Vector512<double> a = default, b = default, c = default, d = default;
            var end = (nuint)Math.Min(x.Length, (segment + 1) * Segments.Length);
            for (var i = (nuint)(segment * Segments.Length); i + 32 <= end; i += 32)
            {
                a += Vector512.LoadUnsafe(ref first, i);
                b += Vector512.LoadUnsafe(ref first, i + 8);
                c += Vector512.LoadUnsafe(ref first, i + 16);
                d += Vector512.LoadUnsafe(ref first, i + 24);
            }
            sums[segment] = Vector512.Sum(a + b + c + d);
        }
    }

    /// <summary>The tenth of the rounds that is fastest ends here: what else runs on the machine only adds, and to everyone alike. The first half second compiles.</summary>
    static double Time<T>(int rounds, Func<T> work)
    {
        var warm = Stopwatch.StartNew();
        for (var i = 0; i < 3 || warm.ElapsedMilliseconds < 500; i++)
            work();
        var seconds = new List<double>();
        for (var i = 0; i < rounds; i++)
            seconds.Add(Once(work));
        return seconds.Order().ElementAt(rounds / 10);
    }

    /// <summary>The middle of each, one after the other in turns.</summary>
    static (double One, double Other) Times(int rounds, Func<double> one, Func<double> other)
    {
        _ = (Time(1, one), Time(1, other));
        List<double> ones = [], others = [];
        for (var i = 0; i < rounds; i++)
        {
            ones.Add(Once(one));
            others.Add(Once(other));
        }
        return (ones.Order().ElementAt(rounds / 2), others.Order().ElementAt(rounds / 2));
    }

    static double Once<T>(Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static void Add(Dictionary<string, List<double>> to, string name, double seconds)
    {
        if (!to.TryGetValue(name, out var list))
            to[name] = list = [];
        list.Add(seconds);
    }
}
