using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Up to which power a <see cref="MomentFold{T, TOrder}"/> adds up deviations.</summary>
interface IOrder
{
    static abstract bool Fourth { get; }
}

readonly struct ToSecond : IOrder
{
    public static bool Fourth => false;
}

/// <summary>And the extremes, which then cost nothing.</summary>
readonly struct ToFourth : IOrder
{
    public static bool Fourth => true;
}

/// <summary>
/// Moments block by block. A block is read twice while it lies in the first cache: for its mean in twofold precision, and for its deviations from that. So memory is read once, and no
/// digit is lost to a far-away mean.
/// </summary>
readonly unsafe struct MomentFold<T, TOrder> : IFold<Moments>
    where T : struct, ILanes<T>
    where TOrder : struct, IOrder
{
    /// <summary>16 KB, half of a first cache.</summary>
    const int BlockLength = 2048;

    public Moments Of(double* values, int count)
    {
        var all = Block(values, Math.Min(BlockLength, count));
        for (var at = BlockLength; at < count; at += BlockLength)
            all = Moments.Merge(all, Block(values + at, Math.Min(BlockLength, count - at)));
        return all;
    }

    public static Moments Merge(in Moments left, in Moments right) => Moments.Merge(left, right);

    /// <summary>
    /// So many values are added up plainly, four in a lane, before they are added to a block's with the error of the addition carried along: small ones beside a large one are each
    /// rounded away, and by hundreds that counts.
    /// </summary>
    const int StretchLength = 64;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static Moments Block(double* values, int count)
    {
        var sum = default(SumFold<T>).Of(values, count);
        var mean = sum / count;
        var all = new Totals(values[0]);
        for (var at = 0; at < count; at += StretchLength)
            all.Add(Stretch(values + at, Math.Min(StretchLength, count - at), T.All(mean.High), T.All(mean.Low)));
        return all.And(sum, mean, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Powers Stretch(double* values, int count, T high, T low)
    {
        var even = new Powers(values[0]);
        var odd = new Powers(values[0]);
        var i = 0;
        for (; i <= count - (2 * Lanes.Count); i += 2 * Lanes.Count)
        {
            T value = T.Load(values + i), next = T.Load(values + i + Lanes.Count);
            even.Add(value, (value - high) - low);
            odd.Add(next, (next - high) - low);
        }
        if (i <= count - Lanes.Count)
        {
            var value = T.Load(values + i);
            even.Add(value, (value - high) - low);
            i += Lanes.Count;
        }
        if (i < count)
            odd.Add(Lanes.Partial<T>(values + i, count - i, values[i]), Lanes.Kept((Lanes.Partial<T>(values + i, count - i, 0) - high) - low, count - i));
        even.Add(odd);
        return even;
    }

    /// <summary>Sums of powers of the deviations from a block's mean, and the extremes.</summary>
    struct Powers(double any)
    {
        T _s2 = T.All(0), _s3 = T.All(0), _s4 = T.All(0), _min = T.All(any), _max = T.All(any);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(T value, T deviation)
        {
            if (!TOrder.Fourth)
            {
                _s2 = T.Fma(deviation, deviation, _s2);
                return;
            }
            var square = deviation * deviation;
            _s2 += square;
            _s3 = T.Fma(square, deviation, _s3);
            _s4 = T.Fma(square, square, _s4);
            _min = T.Min(value, _min);
            _max = T.Max(value, _max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(in Powers other)
        {
            _s2 += other._s2;
            if (!TOrder.Fourth)
                return;
            _s3 += other._s3;
            _s4 += other._s4;
            _min = T.Min(other._min, _min);
            _max = T.Max(other._max, _max);
        }

        public readonly (T S2, T S3, T S4) Sums => (_s2, _s3, _s4);

        public readonly (double Min, double Max) Extremes => (Least(_min), Greatest(_max));

        static double Least(T lanes)
        {
            var v = stackalloc double[Lanes.Count];
            lanes.Store(v);
            for (var i = 1; i < Lanes.Count; i++)
                v[0] = Math.Min(v[0], v[i]);
            return v[0];
        }

        static double Greatest(T lanes)
        {
            var v = stackalloc double[Lanes.Count];
            lanes.Store(v);
            for (var i = 1; i < Lanes.Count; i++)
                v[0] = Math.Max(v[0], v[i]);
            return v[0];
        }
    }

    /// <summary>The stretches of a block, and what rounding took from their sums.</summary>
    struct Totals(double any)
    {
        Powers _powers = new(any);
        T _e2 = T.All(0), _e3 = T.All(0), _e4 = T.All(0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(in Powers stretch)
        {
            var before = _powers.Sums;
            _powers.Add(stretch);
            var (after, added) = (_powers.Sums, stretch.Sums);
            _e2 += Lanes.Lost(before.S2, added.S2, after.S2);
            if (!TOrder.Fourth)
                return;
            _e3 += Lanes.Lost(before.S3, added.S3, after.S3);
            _e4 += Lanes.Lost(before.S4, added.S4, after.S4);
        }

        public readonly Moments And(Twofold sum, Twofold mean, int count)
        {
            var sums = _powers.Sums;
            var squares = Lanes.Total(sums.S2, _e2);
            if (squares.High <= Moments.NothingSquared * mean.High * mean.High)
                return new(count, sum, default, default, default, TOrder.Fourth ? _powers.Extremes.Min : 0, TOrder.Fourth ? _powers.Extremes.Max : 0);
            if (!TOrder.Fourth)
                return new(count, sum, squares, default, default, 0, 0);
            return new(count, sum, squares, Lanes.Total(sums.S3, _e3), Lanes.Total(sums.S4, _e4), _powers.Extremes.Min, _powers.Extremes.Max);
        }
    }
}
