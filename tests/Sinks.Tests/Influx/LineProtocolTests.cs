using System.Globalization;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;

namespace Pipeline.Sinks.Tests.Influx;

public sealed class LineProtocolTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a b", @"a\ b")]
    [InlineData("a,b", @"a\,b")]
    [InlineData("a=b", @"a\=b")]
    [InlineData("a\"b", "a\"b")]
    [InlineData(@"a\b", @"a\b")]
    [InlineData(@"a\", @"a\\ ")]
    [InlineData(@"a\\", @"a\\\ ")]
    [InlineData(@"a\,b", @"a\\,b")]
    [InlineData("a\nb\0c\u001f", "a_b_c_")]
    [InlineData("é漢😀", "é漢😀")]
    [InlineData("", "")]
    public void Escapes_a_tag(string text, string written) => Assert.Equal(written, Write(l => l.Tag(Encoding.UTF8.GetBytes(text))));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a b,c=d", @"a\ b\,c\=d")]
    [InlineData(@"a\b", @"a\b")]
    [InlineData(@"a\", @"a\\\ ")]
    [InlineData(@"a\,b", @"a\\\,b")]
    public void Escapes_a_field_key(string text, string written) => Assert.Equal(written, Write(l => l.FieldKey(Encoding.UTF8.GetBytes(text))));

    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("say \"hi\"", "\"say \\\"hi\\\"\"")]
    [InlineData(@"a\", "\"a\\\\\"")]
    [InlineData("a\nb,c=d", "\"a\nb,c=d\"")]
    [InlineData("", "\"\"")]
    public void Escapes_a_text(string text, string written) => Assert.Equal(written, Write(l => l.Text(Encoding.UTF8.GetBytes(text))));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1.5, "1.5")]
    [InlineData(-1e-300, "-1E-300")]
    [InlineData(1e21, "1E+21")]
    [InlineData(0.1, "0.1")]
    public void Writes_a_float(double value, string written) => Assert.Equal(written, Write(l => l.Float(value)));

    [Fact]
    public void Every_float_is_read_back_exactly()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 100_000; round++)
        {
            var value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(value))
                Assert.Equal(value, double.Parse(Write(l => l.Float(value)), CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void Writes_integers_of_any_size()
    {
        Assert.Equal("-9223372036854775808", Write(l => l.Integer(long.MinValue)));
        Assert.Equal("253402300799999999999", Write(l => l.Integer((Int128)253_402_300_799_999 * 1_000_000 + 999_999)));
        Assert.Equal(Points.Id.ToString(), Write(l => l.Id(Points.Id)));
    }

    static string Write(Action<LineProtocol> write)
    {
        var lines = new LineProtocol();
        write(lines);
        return Encoding.UTF8.GetString(lines.Bytes.Span);
    }
}
