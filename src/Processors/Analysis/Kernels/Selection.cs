using System.Buffers;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// Order statistics after Floyd and Rivest (1975): a sorted sample brackets each wanted rank so tightly that one reading of the values, which keeps what lies inside a bracket
/// and counts what lies below, leaves some hundredths of them to look at more closely. Linear time for all ranks together; where a sample misleads or values tie without end,
/// quickselect with a sort behind it, so never worse than n log n.
/// </summary>
static class Selection
{
    /// <summary>Below this many values the sample would be a large part of them: quickselect on a copy.</summary>
    const int BracketedFrom = 8192;

    /// <summary>Each bracket costs a look at every value; beyond so many, ranks are selected by halving.</summary>
    const int BracketsMax = 16;

    /// <param name="x">At least one value, no NaN.</param>
    /// <param name="ranks">Ascending, from 0, each once.</param>
    /// <param name="values">The value of each rank; −0 comes as 0.</param>
    public static void Of(ReadOnlySpan<double> x, ReadOnlySpan<int> ranks, Span<double> values)
    {
        if (x.Length < BracketedFrom || !Bracketed(x, ranks, values))
            Copied(x, ranks, values);
        for (var i = 0; i < ranks.Length; i++)
            values[i] += 0.0;
    }

    static void Copied(ReadOnlySpan<double> x, ReadOnlySpan<int> ranks, Span<double> values)
    {
        var rented = ArrayPool<double>.Shared.Rent(x.Length);
        var copy = rented.AsSpan(0, x.Length);
        x.CopyTo(copy);
        Quickselect.Of(copy, 0, ranks, values);
        ArrayPool<double>.Shared.Return(rented);
    }

    static bool Bracketed(ReadOnlySpan<double> x, ReadOnlySpan<int> ranks, Span<double> values)
    {
        Span<Bracket> brackets = stackalloc Bracket[BracketsMax];
        var count = Sample.Brackets(x, ranks, brackets);
        if (count == 0)
            return false;
        brackets = brackets[..count];
        var room = 0;
        foreach (ref var bracket in brackets)
            (bracket.Start, room) = (room, room + bracket.Room);
        var rented = ArrayPool<double>.Shared.Rent(room);
        Sieve.Run(x, brackets, rented);
        var found = true;
        foreach (ref readonly var bracket in brackets)
            found &= bracket.Inside <= bracket.Room && Within(x, bracket, rented.AsSpan(bracket.Start), ranks, values);
        ArrayPool<double>.Shared.Return(rented);
        return found;
    }

    /// <summary>The ranks of one bracket, or false where one of them is not in it after all.</summary>
    static bool Within(ReadOnlySpan<double> x, in Bracket bracket, Span<double> inside, ReadOnlySpan<int> ranks, Span<double> values)
    {
        var notAboveLow = x.Length - (int)bracket.AboveLow;
        int first = bracket.FirstRank, end = bracket.EndRank;
        for (; first < end && ranks[first] < notAboveLow; first++)
        {
            if (ranks[first] < Sieve.Below(x, bracket.Low))
                return false;
            values[first] = bracket.Low;
        }
        for (; end > first && ranks[end - 1] >= bracket.BelowHigh; end--)
        {
            if (ranks[end - 1] >= x.Length - Sieve.Below(x, bracket.High, above: true))
                return false;
            values[end - 1] = bracket.High;
        }
        if (first == end)
            return true;
        var rest = ArrayPool<int>.Shared.Rent(end - first);
        for (var i = first; i < end; i++)
            rest[i - first] = ranks[i] - notAboveLow;
        var kept = inside[..bracket.Inside];
        var restRanks = rest.AsSpan(0, end - first);
        // Where values tie, a bracket can hold nearly all of them, and another one again.
        if (kept.Length < BracketedFrom || kept.Length > x.Length / 4 || !Bracketed(kept, restRanks, values[first..end]))
            Quickselect.Of(kept, 0, restRanks, values[first..end]);
        ArrayPool<int>.Shared.Return(rest);
        return true;
    }
}

/// <summary>Two values between which certain ranks are expected, and what was found of them.</summary>
struct Bracket
{
    public double Low, High;

    /// <summary>Which of the wanted ranks.</summary>
    public int FirstRank, EndRank;

    /// <summary>Where in the common scratch what lies inside is kept, and for how many there is room.</summary>
    public int Start, Room;

    /// <summary>How many lie strictly inside: more than there is room for, and those beyond are lost.</summary>
    public int Inside;

    public long AboveLow, BelowHigh;
}
