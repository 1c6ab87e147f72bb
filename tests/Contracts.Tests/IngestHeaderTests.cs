using System.Text;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Contracts.Tests;

public sealed class IngestHeaderTests
{
    static readonly IngestHeader Full = new(1_704_067_200_123, "team;1", "b%;é😀 \"'\\", 999, 1_704_067_199_000, "pc-tool", "1.0.0");

    [Fact]
    public void Is_written_as_the_contract_says() =>
        Assert.Equal("1;1704067200123;team%3B1;b%25%3B%C3%A9%F0%9F%98%80%20%22%27%5C;999;1704067199000;pc-tool;1.0.0", Encoding.ASCII.GetString(Full.Encode()));

    [Fact]
    public void An_absent_field_is_empty()
    {
        var header = new IngestHeader(1, Topics.DefaultTenant, null, 0, null, null, null);
        Assert.Equal("1;1;default;;0;;;", Encoding.ASCII.GetString(header.Encode()));
        Assert.Equal(header, Read(header.Encode()));
    }

    [Fact]
    public void An_absent_tenant_is_the_default_one() => Assert.Equal(Topics.DefaultTenant, Read("1;1;;;;;;")!.Tenant);

    [Fact]
    public void What_is_written_is_read_back()
    {
        var random = Seeds.Next();
        var runes = "ab;%é漢😀 \"'\\=,&+/?#~".EnumerateRunes().ToArray();
        string Text() => string.Concat(Enumerable.Range(0, random.Next(1, 129)).Select(_ => runes[random.Next(runes.Length)].ToString()));
        string? Maybe() => random.Next(3) == 0 ? null : Text();
        for (var round = 0; round < 2000; round++)
        {
            var header = new IngestHeader(random.NextInt64(0, 200_000_000_000_000), Text(), Maybe(), random.Next(0, 1000),
                random.Next(2) == 0 ? null : random.NextInt64(-1_000_000, 4_000_000_000_000), Maybe(), Maybe());
            var bytes = header.Encode();
            Assert.True(Ascii.IsValid(bytes));
            Assert.Equal(header, Read(bytes));
        }
    }

    [Fact]
    public void A_batchs_template_writes_what_each_header_alone_would()
    {
        var template = new IngestHeader.Template(Full.ReceivedAtMs, Full.Tenant, Full.BatchId, Full.SentAtMs, Full.Tool, Full.Version);
        foreach (var position in (int[])[0, 9, 10, 99, 100, 999, 1000, 123_456, int.MaxValue])
        {
            var bytes = new byte[template.Length(position)];
            template.Write(position, bytes);
            Assert.Equal((Full with { Position = position }).Encode(), bytes);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1;1;t;b;0;;v")]
    [InlineData("1;1;t;b;0;;;;")]
    [InlineData("2;1;t;b;0;;;")]
    [InlineData(";1;t;b;0;;;")]
    [InlineData("1;;t;b;0;;;")]
    [InlineData("1;x;t;b;0;;;")]
    [InlineData("1;1.5;t;b;0;;;")]
    [InlineData("1; 1;t;b;0;;;")]
    [InlineData("1;+1;t;b;0;;;")]
    [InlineData("1;1;t;b;-1;;;")]
    [InlineData("1;1;t;b;x;;;")]
    [InlineData("1;1;t;b; 1;;;")]
    [InlineData("1;1;t;b;2147483648;;;")]
    [InlineData("1;1;t;b;0;x;;")]
    [InlineData("1;9223372036854775807;t;b;0;;;")]
    [InlineData("1;-9223372036854775808;t;b;0;;;")]
    [InlineData("1;99999999999999999999;t;b;0;;;")]
    [InlineData("1;1;t;b;0;9223372036854775807;;")]
    [InlineData("1;1;t;%00;0;;;")]
    [InlineData("1;1;%0a;b;0;;;")]
    [InlineData("1;1;t;b;0;;%1F;")]
    [InlineData("1;1;t;b;0;;;%7f")]
    [InlineData("1;1;t;é;0;;;")]
    [InlineData("1;1;t;%zz;0;;;")]
    [InlineData("1;1;t;%;0;;;")]
    [InlineData("1;1;t;%ff;0;;;")]
    public void What_this_version_did_not_write_is_refused(string text) => Assert.Null(Read(text));

    /// <summary>It remembers the header before; what it says must not depend on that.</summary>
    [Fact]
    public void A_parser_that_remembers_says_what_one_that_does_not_says()
    {
        var random = Seeds.Next();
        var parser = new IngestHeader.Parser();
        string[] before = ["1;1;t;b", "1;1;t;", "1;2;t;b", "1;1;%zz;b", "2;1;t;b"], positions = ["0", "7", "999", "", "-1", "+1", " 1", "x", "1;2", "2147483648", "007"], after = [";;", "5;t;v", "x;;", ";%00;"];
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = Encoding.ASCII.GetBytes($"{before[random.Next(before.Length)]};{positions[random.Next(positions.Length)]};{after[random.Next(after.Length)]}");
            Assert.Equal((Encoding.ASCII.GetString(bytes), Read(bytes)), (Encoding.ASCII.GetString(bytes), parser.TryParse(bytes, out var header) ? header : null));
        }
    }

    [Fact]
    public void Texts_are_bounded()
    {
        Assert.NotNull(Read($"1;1;t;{new string('x', 128)};0;;;"));
        Assert.Null(Read($"1;1;t;{new string('x', 300)};0;;;"));
        Assert.Null(Read($"1;1;t;{new string('x', 100_000)};0;;;"));
    }

    /// <summary>An event may be dated a day after its receipt: the sum has to stay inside the calendar.</summary>
    [Fact]
    public void A_receipt_at_the_end_of_the_calendar_is_refused() => Assert.Null(Read("1;253402300799999;t;b;0;;;"));

    [Fact]
    public void Any_bytes_get_a_verdict()
    {
        var random = Seeds.Next();
        var valid = Full.Encode();
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = (byte[])valid.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (Read(bytes[..random.Next(bytes.Length + 1)]) is { } header)
                Assert.Equal(header, Read(header.Encode()));
        }
    }

    static IngestHeader? Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    static IngestHeader? Read(byte[] bytes) => IngestHeader.TryParse(bytes, out var header) ? header : null;
}
