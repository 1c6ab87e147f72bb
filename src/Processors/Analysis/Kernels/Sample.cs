namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Brackets for ranks from a sorted sample, which takes one value out of each of some thousand equal stretches, at a place no pattern in the values can meet.</summary>
static class Sample
{
    const int SizeMax = 4096;

    /// <summary>Half a bracket in standard deviations of the sample's rank: one in some 15,000 misses.</summary>
    const double Deviations = 4;

    /// <returns>How many brackets the ranks need, merged where they touch; 0 when there is no room for them.</returns>
    public static int Brackets(ReadOnlySpan<double> x, ReadOnlySpan<int> ranks, Span<Bracket> brackets)
    {
        Span<double> sample = stackalloc double[SizeMax];
        sample = sample[..Math.Min(SizeMax, x.Length / 8)];
        Take(x, sample);
        sample.Sort();
        var count = 0;
        var last = 0;
        for (var i = 0; i < ranks.Length; i++)
        {
            var share = (ranks[i] + 0.5) / x.Length;
            var half = (Deviations * Math.Sqrt(sample.Length * share * (1 - share))) + 2;
            var from = (int)Math.Floor((share * sample.Length) - half);
            var to = (int)Math.Ceiling((share * sample.Length) + half);
            if (count > 0 && from <= last)
            {
                brackets[count - 1].High = High(sample, to);
                brackets[count - 1].EndRank = i + 1;
                brackets[count - 1].Room += Room(x.Length, sample.Length, to - last);
            }
            else if (count == brackets.Length)
            {
                return 0;
            }
            else
            {
                brackets[count++] = new Bracket
                {
                    Low = from < 0 ? double.NegativeInfinity : sample[from],
                    High = High(sample, to),
                    FirstRank = i,
                    EndRank = i + 1,
                    Room = Room(x.Length, sample.Length, to - from) + 4096,
                };
            }
            last = to;
        }
        return count;
    }

    static double High(ReadOnlySpan<double> sample, int at) => at >= sample.Length ? double.PositiveInfinity : sample[at];

    /// <summary>Twice what is expected; never more than there are.</summary>
    static int Room(int values, int sample, int stretch) => (int)Math.Min(values, 2L * values * stretch / sample);

    static void Take(ReadOnlySpan<double> x, Span<double> sample)
    {
        for (var i = 0; i < sample.Length; i++)
        {
            var start = (long)i * x.Length / sample.Length;
            var length = ((long)(i + 1) * x.Length / sample.Length) - start;
            // The finalizer of SplitMix64 (Steele, Lea and Flood 2014) of the stretch's number.
            var mixed = ((ulong)i + 1) * 0x9E3779B97F4A7C15;
            mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
            sample[i] = x[(int)(start + (long)((mixed ^ mixed >> 31) % (ulong)length))];
        }
    }
}
