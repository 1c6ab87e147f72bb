using System.Numerics;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>A data set of NIST's Statistical Reference Datasets (tests/Fixtures/nist) with its certified values, as written.</summary>
sealed class NistSet
{
    readonly Dictionary<string, string[]> _settings = [];

    NistSet(string name)
    {
        var rows = new List<string[]>();
        foreach (var line in File.ReadLines(TestServers.Fixture(Path.Combine("nist", name + ".txt"))).Where(l => !l.StartsWith('#')))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0] == "coefficient")
                Coefficients.Add((words[1], words[2]));
            else if (char.IsAsciiLetter(words[0][0]))
                _settings[words[0]] = words[1..];
            else
                rows.Add(words);
        }
        Rows = rows;
    }

    public static NistSet Read(string name) => new(name);

    public IReadOnlyList<string[]> Rows { get; }

    public List<(string Estimate, string Error)> Coefficients { get; } = [];

    public Rational Certified(string name) => Rational.Parse(_settings[name][0]);

    public string[] Setting(string name) => _settings[name];

    /// <summary>The values of a univariate set, as decimals; those given by a rule are made by it.</summary>
    public string[] Values(string name) => name == "PiDigits" ? PiDigits(5000)
        : _settings.TryGetValue("pair", out var pair) ? [_settings["first"][0], .. Enumerable.Range(0, 500).SelectMany(_ => pair)]
        : [.. Rows.SelectMany(r => r)];

    /// <summary>Machin: π = 16 arctan 1/5 − 4 arctan 1/239. The 957th digit, 8, is a 3 in NIST's list, and so it is in the certified values.</summary>
    static string[] PiDigits(int count)
    {
        var one = BigInteger.Pow(10, count + 20);
        var pi = (16 * ArcTangent(5, one)) - (4 * ArcTangent(239, one));
        string[] digits = [.. pi.ToString()[..count].Select(c => c.ToString())];
        digits[956] = "3";
        return digits;
    }

    static BigInteger ArcTangent(int inverse, BigInteger one)
    {
        BigInteger power = one / inverse, sum = power;
        for (var n = 3; !power.IsZero; n += 2)
        {
            power /= inverse * inverse;
            sum += n % 4 == 3 ? -(power / n) : power / n;
        }
        return sum;
    }
}
