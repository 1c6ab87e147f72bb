namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>What a stretch of neighbouring values comes to, in a form in which two stretches become one.</summary>
interface IWindow<TPart>
    where TPart : unmanaged
{
    static abstract TPart Of(double value);

    static abstract TPart Merge(in TPart left, in TPart right);

    static abstract double Result(in TPart part, int window, int ddof);
}

readonly record struct WindowSum(Twofold Total) : IWindow<WindowSum>
{
    public static WindowSum Of(double value) => new(new Twofold(value, 0));

    public static WindowSum Merge(in WindowSum left, in WindowSum right) => new(left.Total + right.Total);

    public static double Result(in WindowSum part, int window, int ddof) => (part.Total / window).Value;
}

readonly record struct WindowMoments(double Count, Twofold Mean, double Squares) : IWindow<WindowMoments>
{
    public static WindowMoments Of(double value) => new(1, new Twofold(value, 0), double.IsFinite(value) ? 0 : double.NaN);

    public static WindowMoments Merge(in WindowMoments left, in WindowMoments right)
    {
        var count = left.Count + right.Count;
        var apart = right.Mean - left.Mean;
        var d = apart.Value;
        return new(count, left.Mean + (apart * (right.Count / count)), left.Squares + right.Squares + (d * d * left.Count * (right.Count / count)));
    }

    public static double Result(in WindowMoments part, int window, int ddof) => Math.Sqrt(part.Squares / (window - ddof));
}

readonly record struct WindowLeast(double Value) : IWindow<WindowLeast>
{
    public static WindowLeast Of(double value) => new(value);

    public static WindowLeast Merge(in WindowLeast left, in WindowLeast right) => new(Math.Min(left.Value, right.Value));

    public static double Result(in WindowLeast part, int window, int ddof) => part.Value;
}

readonly record struct WindowGreatest(double Value) : IWindow<WindowGreatest>
{
    public static WindowGreatest Of(double value) => new(value);

    public static WindowGreatest Merge(in WindowGreatest left, in WindowGreatest right) => new(Math.Max(left.Value, right.Value));

    public static double Result(in WindowGreatest part, int window, int ddof) => part.Value;
}
