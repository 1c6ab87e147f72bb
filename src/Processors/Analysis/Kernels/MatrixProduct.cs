using System.Runtime.CompilerServices;

namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// C = A·B, row by row, each cell a chain of fused additions over k in order, so the same bits at every width. Four rows by sixteen columns stay in registers,
/// a panel of B in the first cache (Goto and van de Geijn 2008). Numbers beyond the largest double become infinities, as IEEE 754 has it.
/// </summary>
static unsafe class MatrixProduct
{
    /// <param name="a">rows × inner.</param>
    /// <param name="b">inner × columns.</param>
    /// <param name="innerOfB">Rows of B: has to be <paramref name="inner"/>.</param>
    /// <param name="nan">There is nothing that could be left out of a matrix: <see cref="NanPolicy.Omit"/> is a bad parameter.</param>
    /// <param name="c">rows × columns; overwritten, and apart from the others' memory.</param>
    public static KernelError Of(
        ReadOnlySpan<double> a, ReadOnlySpan<double> b, int rows, int inner, int innerOfB, int columns, NanPolicy nan, Span<double> c, CancellationToken cancel)
    {
        if (inner != innerOfB)
            return new(KernelFault.MismatchedMatrices, inner, innerOfB);
        if (nan == NanPolicy.Omit)
            return KernelError.Bad("nan");
        if (rows <= 0 || inner <= 0 || columns <= 0)
            return KernelError.Empty;
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Length, checked(rows * inner));
        ArgumentOutOfRangeException.ThrowIfNotEqual(b.Length, checked(inner * columns));
        ArgumentOutOfRangeException.ThrowIfNotEqual(c.Length, checked(rows * columns));
        if (nan == NanPolicy.Raise && Kept.Of(a, nan) is { Error.Fault: not KernelFault.None } left)
            return left.Error;
        if (nan == NanPolicy.Raise && Kept.Of(b, nan) is { Error.Fault: not KernelFault.None } right)
            return right.Error;
        c.Clear();
        fixed (double* pa = a, pb = b, pc = c)
        {
            var shape = new Shape(pa, pb, pc, rows, inner, columns);
            var strips = (rows + Strip - 1) / Strip;
            var size = (long)rows * inner * columns / 4;
            switch (Simd.Width)
            {
                case 512: Segments.Run(new StripWork<Lanes512>(shape, cancel), strips, size); break;
                case 256: Segments.Run(new StripWork<Lanes256>(shape, cancel), strips, size); break;
                default: Segments.Run(new StripWork<LanesScalar>(shape, cancel), strips, size); break;
            }
        }
        cancel.ThrowIfCancellationRequested();
        return KernelError.None;
    }

    const int Strip = 64, Depth = 256, Width = 2 * Lanes.Count;

    readonly struct Shape(double* a, double* b, double* c, int rows, int inner, int columns)
    {
        public double* A => a;

        public double* B => b;

        public double* C => c;

        public int Rows => rows;

        public int Inner => inner;

        public int Columns => columns;
    }

    /// <summary>A strip of rows, on its own.</summary>
    readonly struct StripWork<T>(Shape m, CancellationToken cancel) : ISegmentWork
        where T : struct, ILanes<T>
    {
        [SkipLocalsInit]
        public void Do(int strip)
        {
            var panel = stackalloc double[Depth * Width];
            int first = strip * Strip, end = Math.Min(m.Rows, first + Strip);
            for (var k = 0; k < m.Inner && !cancel.IsCancellationRequested; k += Depth)
            {
                var depth = Math.Min(Depth, m.Inner - k);
                for (var column = 0; column < m.Columns; column += Width)
                {
                    Pack(m.B + ((long)k * m.Columns) + column, depth, Math.Min(Width, m.Columns - column), panel);
                    for (var row = first; row < end; row += 4)
                        Tile(row, Math.Min(4, end - row), k, depth, column, panel);
                }
            }
        }

        /// <summary>Sixteen columns of B one row behind the other, zeros where it has none.</summary>
        void Pack(double* b, int depth, int width, double* panel)
        {
            for (var k = 0; k < depth; k++)
            {
                var to = new Span<double>(panel + (k * Width), Width);
                new ReadOnlySpan<double>(b + ((long)k * m.Columns), width).CopyTo(to);
                to[width..].Clear();
            }
        }

        void Tile(int row, int rows, int k, int depth, int column, double* panel)
        {
            var a = m.A + ((long)row * m.Inner) + k;
            var c = m.C + ((long)row * m.Columns) + column;
            var width = m.Columns - column;
            if (rows == 4 && width >= Width)
            {
                Multiply(a, m.Inner, depth, panel, c, m.Columns);
                return;
            }
            // At the edges: into a tile of full size and back. Rows that are not there repeat the last one.
            var cells = stackalloc double[4 * Width];
            var values = stackalloc double[4 * Depth];
            for (var i = 0; i < 4; i++)
            {
                var from = Math.Min(i, rows - 1);
                new ReadOnlySpan<double>(a + ((long)from * m.Inner), depth).CopyTo(new Span<double>(values + (i * Depth), depth));
                new ReadOnlySpan<double>(c + ((long)from * m.Columns), Math.Min(Width, width)).CopyTo(new Span<double>(cells + (i * Width), Width));
            }
            Multiply(values, Depth, depth, panel, cells, Width);
            for (var i = 0; i < rows; i++)
                new ReadOnlySpan<double>(cells + (i * Width), Math.Min(Width, width)).CopyTo(new Span<double>(c + ((long)i * m.Columns), Math.Min(Width, width)));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static void Multiply(double* a, long strideA, int depth, double* panel, double* c, long strideC)
        {
            T c00 = T.Load(c), c01 = T.Load(c + Lanes.Count);
            T c10 = T.Load(c + strideC), c11 = T.Load(c + strideC + Lanes.Count);
            T c20 = T.Load(c + (2 * strideC)), c21 = T.Load(c + (2 * strideC) + Lanes.Count);
            T c30 = T.Load(c + (3 * strideC)), c31 = T.Load(c + (3 * strideC) + Lanes.Count);
            double* a1 = a + strideA, a2 = a1 + strideA, a3 = a2 + strideA;
            for (var k = 0; k < depth; k++)
            {
                T b0 = T.Load(panel + (k * Width)), b1 = T.Load(panel + (k * Width) + Lanes.Count);
                var value = T.All(a[k]);
                c00 = T.Fma(value, b0, c00);
                c01 = T.Fma(value, b1, c01);
                value = T.All(a1[k]);
                c10 = T.Fma(value, b0, c10);
                c11 = T.Fma(value, b1, c11);
                value = T.All(a2[k]);
                c20 = T.Fma(value, b0, c20);
                c21 = T.Fma(value, b1, c21);
                value = T.All(a3[k]);
                c30 = T.Fma(value, b0, c30);
                c31 = T.Fma(value, b1, c31);
            }
            c00.Store(c);
            c01.Store(c + Lanes.Count);
            c10.Store(c + strideC);
            c11.Store(c + strideC + Lanes.Count);
            c20.Store(c + (2 * strideC));
            c21.Store(c + (2 * strideC) + Lanes.Count);
            c30.Store(c + (3 * strideC));
            c31.Store(c + (3 * strideC) + Lanes.Count);
        }
    }
}
