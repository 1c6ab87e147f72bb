using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Pipeline.Processors.Analysis.Kernels;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>The width is chosen once a process, so each is tried in a process of its own: this test's assembly, which writes a digest of all figures into the file that it is given.</summary>
public sealed class WidthTests(ITestOutputHelper output)
{
    const string Into = "PIPELINE_KERNEL_DIGEST";

    [Fact]
    public async Task Every_width_and_any_number_of_cores_give_the_same_bits()
    {
        if (Environment.GetEnvironmentVariable(Into) is { Length: > 0 } file)
        {
            File.WriteAllText(file, Digest());
            return;
        }
        var here = Digest();
        output.WriteLine($"here: {Simd.Width} bits, 512 {(Vector512.IsHardwareAccelerated ? "in hardware" : "emulated")}, {Environment.ProcessorCount} cores");
        foreach (var (width, cores) in new[] { ("512", 2), ("256", 2), ("scalar", 2), ("512", 1) })
            Assert.Equal((width, cores, here), (width, cores, await DigestAsync(width, cores)));
    }

    [Fact]
    public void An_unknown_width_is_refused_by_name() => Assert.Contains("'1024'", Assert.Throws<ArgumentException>(() => Simd.Choose("1024")).Message);

    static string Digest()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var figures = Enumerable.Range(0, 300).SelectMany(i => Everything.Of(Series.Of(i, 3000), i % 2 == 0 ? NanPolicy.Propagate : NanPolicy.Omit)).Concat(Large());
        foreach (var figure in figures)
            // All NaN are one.
            sha.AppendData(BitConverter.GetBytes(double.IsNaN(figure) ? double.NaN : figure));
        return Convert.ToHexString(sha.GetHashAndReset());
    }

    /// <summary>Long enough for many segments and every core.</summary>
    static IEnumerable<double> Large()
    {
        var random = new Random(5);
        double[] x = [.. Enumerable.Range(0, 300_001).Select(i => 1e6 + (random.NextDouble() * (1 + (i % 7))))], lags = new double[11];
        yield return Sum.Of(x, NanPolicy.Propagate).Value;
        yield return Extremes.Min(x, NanPolicy.Propagate).Value;
        yield return Extremes.Max(x, NanPolicy.Propagate).Value;
        var s = Summary.Of(x, 1, true, NanPolicy.Propagate).Value;
        yield return s.Mean + s.Skewness;
        yield return s.Deviation;
        yield return s.Kurtosis;
        yield return Variance.Of(x, 0, NanPolicy.Propagate).Value;
        yield return Median.Of(x, NanPolicy.Propagate).Value;
        yield return Quantiles.Of(x, 0.99, QuantileMethod.R7, NanPolicy.Propagate).Value;
        Autocorrelation.Of(x, 1, NanPolicy.Propagate, lags, CancellationToken.None);
        yield return lags[0];
        yield return lags[10];
    }

    static async Task<string> DigestAsync(string width, int cores)
    {
        var file = Path.GetTempFileName();
        var start = new ProcessStartInfo("dotnet", [typeof(WidthTests).Assembly.Location, "-noLogo", "-noColor", "-class", typeof(WidthTests).FullName!])
        {
            RedirectStandardOutput = true,
            Environment = { [Into] = file, ["PIPELINE_SIMD"] = width, ["DOTNET_PROCESSOR_COUNT"] = $"{cores}" },
        };
        using var child = Process.Start(start)!;
        var said = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.True(child.ExitCode == 0, said);
        var digest = await File.ReadAllTextAsync(file);
        File.Delete(file);
        return digest;
    }
}
