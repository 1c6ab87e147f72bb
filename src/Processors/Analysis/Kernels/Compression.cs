using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Moves the lanes named by a mask to the front, where the processor has no instruction for it.</summary>
static unsafe class Compression
{
    /// <summary>By mask, which pairs of 32 bits stand first.</summary>
    static readonly int[] Order = MakeOrder();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Of(Vector256<double> value, uint mask)
    {
        fixed (int* order = Order)
            return Avx2.PermuteVar8x32(value.AsInt32(), Vector256.Load(order + (mask * 8))).AsDouble();
    }

    public static void Write<T>(T value, uint mask, double* to)
        where T : struct, ILanes<T>
    {
        var all = stackalloc double[Lanes.Count];
        value.Store(all);
        for (var i = 0; i < Lanes.Count; i++)
            if ((mask >> i & 1) != 0)
                *to++ = all[i];
    }

    static int[] MakeOrder()
    {
        var order = new int[16 * 8];
        for (var mask = 0; mask < 16; mask++)
        {
            var at = mask * 8;
            for (var lane = 0; lane < 4; lane++)
            {
                if ((mask >> lane & 1) == 0)
                    continue;
                order[at++] = 2 * lane;
                order[at++] = (2 * lane) + 1;
            }
        }
        return order;
    }
}
