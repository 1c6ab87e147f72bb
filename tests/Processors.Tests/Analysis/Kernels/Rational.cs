using System.Globalization;
using System.Numerics;

namespace Pipeline.Processors.Tests.Analysis.Kernels;

/// <summary>Numbers without rounding, to hold the kernels to.</summary>
readonly record struct Rational(BigInteger Over, BigInteger Under)
{
    public static Rational Zero => new(0, 1);

    public static implicit operator Rational(int value) => new(value, 1);

    /// <summary>The value of a double, every bit of it.</summary>
    public static Rational Of(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52 & 0x7FF);
        var digits = new BigInteger((bits & 0xFFFFFFFFFFFFF) | (exponent == 0 ? 0 : 1L << 52)) * (bits < 0 ? -1 : 1);
        var shift = Math.Max(exponent, 1) - 1075;
        return shift >= 0 ? new(digits << shift, 1) : new Rational(digits, BigInteger.One << -shift).Reduced();
    }

    /// <summary>A number as it is written: -0.246781078275479E-02.</summary>
    public static Rational Parse(string text)
    {
        var parts = text.Split('E', 'e');
        var point = parts[0].IndexOf('.');
        var decimals = point < 0 ? 0 : parts[0].Length - point - 1;
        var exponent = (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0) - decimals;
        var digits = BigInteger.Parse(parts[0].Replace(".", ""), CultureInfo.InvariantCulture);
        return exponent >= 0 ? new(digits * BigInteger.Pow(10, exponent), 1) : new Rational(digits, BigInteger.Pow(10, -exponent)).Reduced();
    }

    public static Rational operator +(Rational a, Rational b) => new Rational((a.Over * b.Under) + (b.Over * a.Under), a.Under * b.Under).Reduced();

    public static Rational operator -(Rational a, Rational b) => new Rational((a.Over * b.Under) - (b.Over * a.Under), a.Under * b.Under).Reduced();

    public static Rational operator *(Rational a, Rational b) => new Rational(a.Over * b.Over, a.Under * b.Under).Reduced();

    public static Rational operator /(Rational a, Rational b) => new Rational(a.Over * b.Under * b.Under.Sign * b.Over.Sign, a.Under * BigInteger.Abs(b.Over)).Reduced();

    public static Rational Sum(IEnumerable<Rational> terms) => terms.Aggregate(Zero, (a, b) => a + b);

    /// <summary>To 60 digits.</summary>
    public Rational Root()
    {
        var scaled = Over * BigInteger.Pow(10, 200) / Under;
        var root = BigInteger.Pow(10, 1 + (int)(BigInteger.Log10(scaled + 1) / 2));
        while (true)
        {
            var next = (root + (scaled / BigInteger.Max(root, 1))) / 2;
            if (next >= root)
                return new Rational(root, BigInteger.Pow(10, 100)).Reduced();
            root = next;
        }
    }

    /// <summary>The nearest double; half-way, the even one.</summary>
    public double Nearest()
    {
        if (Over.IsZero)
            return 0;
        var shift = (int)(Under.GetBitLength() - BigInteger.Abs(Over).GetBitLength()) + 54;
        var (quotient, rest) = BigInteger.DivRem(BigInteger.Abs(Over) << Math.Max(shift, 0), Under << Math.Max(-shift, 0));
        var drop = (int)quotient.GetBitLength() - 53;
        var (kept, lost) = (quotient >> drop, quotient & ((BigInteger.One << drop) - 1));
        var half = BigInteger.One << (drop - 1);
        if (lost > half || (lost == half && (!rest.IsZero || !kept.IsEven)))
            kept++;
        return Math.ScaleB((double)(long)kept, drop - shift) * Over.Sign;
    }

    /// <summary>How many leading digits of <paramref name="certified"/> this has: −log₁₀ of the relative error (of the error itself where zero is certified), at most 15, at least 0.</summary>
    public double Digits(Rational certified)
    {
        var error = this - certified;
        if (error.Over.IsZero)
            return 15;
        var relative = certified.Over.IsZero ? error : error / certified;
        return Math.Clamp(BigInteger.Log10(relative.Under) - BigInteger.Log10(BigInteger.Abs(relative.Over)), 0, 15);
    }

    Rational Reduced()
    {
        var common = BigInteger.GreatestCommonDivisor(Over, Under);
        return common.IsOne ? this : new(Over / common, Under / common);
    }
}
