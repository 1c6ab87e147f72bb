using System.Globalization;
using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Contracts.Tests.Events;

public sealed class Rfc3339Tests
{
    [Theory]
    [InlineData("1970-01-01T00:00:00Z", 0)]
    [InlineData("1970-01-01t00:00:00z", 0)]
    [InlineData("1970-01-01T00:00:01Z", 1_000_000)]
    [InlineData("1969-12-31T23:59:59.999999Z", -1)]
    [InlineData("1970-01-01T00:00:00.1Z", 100_000)]
    [InlineData("1970-01-01T00:00:00.000001Z", 1)]
    [InlineData("1970-01-01T00:00:00.0000019Z", 1)]
    [InlineData("1970-01-01T00:00:00.123456789123456789Z", 123_456)]
    [InlineData("1970-01-01T01:00:00+01:00", 0)]
    [InlineData("1969-12-31T18:15:00-05:45", 0)]
    [InlineData("1970-01-01T00:00:00-00:00", 0)]
    [InlineData("1970-01-01T23:59:00+23:59", 0)]
    [InlineData("2024-02-29T00:00:00Z", 1_709_164_800_000_000)]
    [InlineData("2000-02-29T00:00:00Z", 951_782_400_000_000)]
    [InlineData("2016-12-31T23:59:60Z", 1_483_228_800_000_000)]
    [InlineData("2016-12-31T23:59:60.5Z", 1_483_228_800_500_000)]
    [InlineData("0001-01-01T00:00:00Z", -62_135_596_800_000_000)]
    [InlineData("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999)]
    public void Reads_a_time_as_microseconds(string text, long us) => Assert.Equal((true, us), Read(text));

    [Theory]
    [InlineData("")]
    [InlineData("2024-01-01")]
    [InlineData("2024-01-01T00:00:00")]
    [InlineData("2024-01-01T00:00Z")]
    [InlineData("2024-01-01 00:00:00Z")]
    [InlineData("2024-1-01T00:00:00Z")]
    [InlineData("24-01-01T00:00:00Z")]
    [InlineData("+2024-01-01T00:00:00Z")]
    [InlineData("2024-00-01T00:00:00Z")]
    [InlineData("2024-13-01T00:00:00Z")]
    [InlineData("2024-01-00T00:00:00Z")]
    [InlineData("2024-01-32T00:00:00Z")]
    [InlineData("2023-02-29T00:00:00Z")]
    [InlineData("1900-02-29T00:00:00Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("2024-01-01T24:00:00Z")]
    [InlineData("2024-01-01T00:60:00Z")]
    [InlineData("2024-01-01T00:00:61Z")]
    [InlineData("2024-01-01T00:00:00.Z")]
    [InlineData("2024-01-01T00:00:00,5Z")]
    [InlineData("2024-01-01T00:00:00.5")]
    [InlineData("2024-01-01T00:00:00ZZ")]
    [InlineData("2024-01-01T00:00:00+0100")]
    [InlineData("2024-01-01T00:00:00+01")]
    [InlineData("2024-01-01T00:00:00+1:00")]
    [InlineData("2024-01-01T00:00:00+24:00")]
    [InlineData("2024-01-01T00:00:00+00:60")]
    [InlineData("2024-01-01T00:00:00 +00:00")]
    [InlineData("2024-01-01T00:00:00\u221200:00")]
    [InlineData("2024-01-01T00:00:00Z ")]
    [InlineData(" 2024-01-01T00:00:00Z")]
    [InlineData("20240101T000000Z")]
    [InlineData("2024-01-01T00:00:00Z\0")]
    [InlineData("２０２４-01-01T00:00:00Z")]
    public void Refuses_what_is_no_rfc_3339_time(string text) => Assert.False(Read(text).Valid);

    [Fact]
    public void Agrees_with_the_platform_on_random_instants()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 20_000; round++)
        {
            var digits = random.Next(0, 8);
            var offset = TimeSpan.FromMinutes(random.Next(-14 * 60, (14 * 60) + 1));
            var time = new DateTimeOffset(random.NextInt64(TimeSpan.TicksPerDay, DateTime.MaxValue.Ticks - TimeSpan.TicksPerDay), offset);
            var format = "yyyy-MM-ddTHH:mm:ss" + (digits > 0 ? "." + new string('f', digits) : "") + (offset == default && random.Next(2) == 0 ? "Z" : "zzz");
            var text = time.ToString(format, CultureInfo.InvariantCulture).Replace("+00:00Z", "Z", StringComparison.Ordinal);
            var expected = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
            var us = (long)Math.Floor((decimal)(expected.UtcTicks - DateTime.UnixEpoch.Ticks) / 10);
            Assert.Equal((text, true, us), (text, Read(text).Valid, Read(text).Us));
        }
    }

    [Fact]
    public void Random_changes_of_a_character_never_throw()
    {
        var text = Encoding.ASCII.GetBytes("2024-12-31T23:59:59.123+05:45");
        for (var at = 0; at < text.Length; at++)
            for (var b = 0; b < 256; b++)
            {
                var changed = (byte[])text.Clone();
                changed[at] = (byte)b;
                Rfc3339.TryParse(changed, out _);
                Rfc3339.TryParse(changed.AsSpan(0, at), out _);
            }
    }

    static (bool Valid, long Us) Read(string text) => (Rfc3339.TryParse(Encoding.UTF8.GetBytes(text), out var us), us);
}
