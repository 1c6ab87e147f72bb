using System.Buffers.Text;

namespace Pipeline.Contracts.Events;

public static class JsonNumbers
{
    /// <summary>The number of a JSON number token, rounded to the nearest float64. The token's form was checked by the reader.</summary>
    public static double ToDouble(ReadOnlySpan<byte> token) =>
        Utf8Parser.TryParse(token, out double value, out var used) && used == token.Length ? value : double.NaN;

    /// <summary>Only an exponent or more than 308 digits can leave the range of float64, so that most tokens cost two comparisons.</summary>
    internal static bool IsFinite(ReadOnlySpan<byte> token) =>
        (token.Length <= 308 && token.IndexOfAny((byte)'e', (byte)'E') < 0) || double.IsFinite(ToDouble(token));
}
