using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

public sealed class BatchReaderTests
{
    [Theory]
    [InlineData("", "400 empty_body")]
    [InlineData(" ", "400 malformed_json")]
    [InlineData("{", "400 malformed_json")]
    [InlineData("5", "400 not_an_object")]
    [InlineData("[]", "400 not_an_object")]
    [InlineData("{}", "400 missing_events")]
    [InlineData("{\"events\":[{}]}", "400 missing_batch_id")]
    [InlineData("{\"batch_id\":\"b\"}", "400 missing_events")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[]}", "422 empty_batch")]
    [InlineData("{\"batch_id\":\"b\",\"events\":{}}", "400 invalid_events")]
    [InlineData("{\"batch_id\":\"b\",\"events\":null}", "400 invalid_events")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[{}],\"events\":[{}]}", "400 duplicate_field")]
    [InlineData("{\"batch_id\":\"b\",\"b\\u0061tch_id\":\"b\",\"events\":[{}]}", "400 duplicate_field")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[{}]} x", "400 malformed_json")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[{}]}{}", "400 malformed_json")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[{},]}", "400 malformed_json")]
    [InlineData("\ufeff{\"batch_id\":\"b\",\"events\":[{}]}", "400 byte_order_mark")]
    [InlineData("{\"batch_id\":5,\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":null,\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":\"\",\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":\"a\\n\",\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":\"a\\ud800\",\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":\"a\\u0000\",\"events\":[{}]}", "400 invalid_batch_id")]
    [InlineData("{\"batch_id\":\"b\",\"sent_at\":\"now\",\"events\":[{}]}", "400 invalid_sent_at")]
    [InlineData("{\"batch_id\":\"b\",\"sent_at\":5,\"events\":[{}]}", "400 invalid_sent_at")]
    [InlineData("{\"batch_id\":\"b\",\"metadata\":[],\"events\":[{}]}", "400 invalid_metadata")]
    [InlineData("{\"batch_id\":\"b\",\"metadata\":{\"tool\":5},\"events\":[{}]}", "400 invalid_metadata")]
    [InlineData("{\"batch_id\":\"b\",\"metadata\":{\"version\":\"\"},\"events\":[{}]}", "400 invalid_metadata")]
    public async Task A_fault_of_the_envelope_refuses_the_body(string body, string described) => Assert.Equal(described, await ReadAsync(body));

    [Theory]
    [InlineData("{\"\\ud800aaaa\":1,\"batch_id\":\"b\",\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\\ud800\":1,\"batch_id\":\"b\",\"events\":[EVENT]}")]
    [InlineData("{\"event\\udc00\":1,\"batch_id\":\"b\",\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\":\"b\",\"metadata\":{\"too\\ud800\":\"x\",\"\\ud800ersion\":\"x\"},\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\":\"b\",\"other\":\"\\ud800\",\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\":\"b\",\"other\":[[[1e400]]],\"events\":[EVENT]}")]
    public async Task Oddities_around_the_events_cost_nothing_valid(string body) =>
        Assert.Equal($"b||||none: {Performance}", await ReadAsync(body.Replace("EVENT", Performance, StringComparison.Ordinal)));

    [Fact]
    public async Task The_envelope_may_come_in_any_order_and_in_escapes()
    {
        // The send time is cut to what the header carries, so that the processors decide by the same time.
        Assert.Equal($"b|t|1.0|1704067200123000|none: {Performance}", await ReadAsync(
            $$"""{"events":[{{Performance}}],"x":{"events":[]},"sent_at":"2024-01-01T00:00:00.123999Z","metadata":{"version":"1.0","dropped":{},"tool":"t"},"batch_id":"b"}"""));
        Assert.Equal($"b||||none: {Performance}", await ReadAsync($$""" { "\u0065vents" : [ {{Performance}} ] , "sent_at" : null , "metadata" : null , "batch\u005fid" : "\u0062" } """));
        Assert.Equal($"b||||none: {Performance}", await ReadAsync($$"""{"batch_id":"b","metadata":{"tool":null},"events":[{{Performance}}]}"""));
    }

    [Fact]
    public async Task A_fault_of_an_event_costs_the_others_nothing()
    {
        string[] events = [Performance, "{}", "5", "null", "[1]", Event("\\ud800"), Performance, Event("u", data: "{\"x\":1e400}"), Event("u", data: "{\"x\":" + new string('[', 10_000) + new string(']', 10_000) + "}"), Performance];
        string[] faults = ["none:", "missing_field:event_type", "not_an_object:", "not_an_object:", "not_an_object:", "invalid_string:", "none:", "number_out_of_range:", "too_deep:", "none:"];
        Assert.Equal("b-1|||" + string.Concat(events.Zip(faults, (e, f) => $"|{f} {e}")), await ReadAsync(Batch(events)));
    }

    [Fact]
    public async Task Bytes_that_are_not_utf8_are_the_fault_of_the_event_that_holds_them()
    {
        string[] places = [Event("MARK"), Event("\\u0041MARK"), Performance.Replace("fps", "MARK", StringComparison.Ordinal), Performance.Replace("fps", "\\u0041MARK", StringComparison.Ordinal),
            Performance.Replace("user_id", "user\\u005fidMARK", StringComparison.Ordinal), Performance.Replace("2024", "\\u0032MARK", StringComparison.Ordinal), "\"MARK\""];
        foreach (var place in places)
            foreach (var bytes in (byte[][])[[0xFF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xC0, 0xAF]])
            {
                var described = await ReadAsync(new MemoryStream(Marked(Batch(Performance, place, Performance), bytes)));
                Assert.StartsWith($"b-1||||none: {Performance}|invalid_utf8: ", described, StringComparison.Ordinal);
                Assert.EndsWith($"|none: {Performance}", described, StringComparison.Ordinal);
            }
    }

    [Theory]
    [InlineData("{\"batch_id\":\"MARK\",\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\":\"\\u0041MARK\",\"events\":[EVENT]}")]
    [InlineData("{\"MARK\":1,\"batch_id\":\"b\",\"events\":[EVENT]}")]
    [InlineData("{\"\\u0041MARK\":1,\"batch_id\":\"b\",\"events\":[EVENT]}")]
    [InlineData("{\"batch_id\":\"b\",\"events\":[EVENT],\"x\":\"MARK\"}")]
    [InlineData("{\"batch_id\":\"b\",\"metadata\":{\"tool\":\"\\nMARK\"},\"events\":[EVENT]}")]
    public async Task Bytes_that_are_not_utf8_around_the_events_refuse_the_body(string body) =>
        Assert.StartsWith("400 ", await ReadAsync(new MemoryStream(Marked(body.Replace("EVENT", Performance, StringComparison.Ordinal), [0xFF]))), StringComparison.Ordinal);

    [Fact]
    public async Task A_thousand_events_are_taken_and_one_more_is_refused()
    {
        Assert.Equal(1000, (await ReadAsync(Batch(Enumerable.Repeat(Performance, 1000)))).Split("|none").Length - 1);
        Assert.Equal("413 too_many_events", await ReadAsync(Batch(Enumerable.Repeat(Performance, 1001))));
    }

    [Fact]
    public async Task A_body_cut_at_any_byte_of_its_first_kilobyte_gives_the_same()
    {
        var body = $$"""{"batch_id":"b\u00e9😀","events":[{{Event("é漢😀")}}, {"bad":1} ,{{string.Join(',', Enumerable.Range(0, 10).Select(i => Event($"u\\u00e9{i}")))}}],"sent_at":"2024-01-01T00:00:00Z","metadata":{"tool":"t"} } """.Bytes();
        var whole = await ReadAsync(new MemoryStream(body));
        for (var cut = 1; cut < Math.Min(1024, body.Length); cut++)
            Assert.Equal(whole, await ReadAsync(new CutStream(body, cut)));
        foreach (var (encoding, sent) in ((string, byte[])[])[("gzip", Gzip(body)), ("br", Brotli(body))])
            for (var cut = 1; cut < sent.Length; cut++)
                Assert.Equal(whole, await ReadAsync(new CutStream(sent, cut), encoding));
    }

    [Fact]
    public async Task Any_change_of_bytes_gets_a_verdict_and_never_an_exception()
    {
        var random = Seeds.Next();
        var events = Event("\\u0041é😀\\ud83d\\ude00") + "," + Performance;
        var body = ("{\"batch_id\":\"b\\u0041\",\"events\":[" + events + "],\"metadata\":{\"to\\u006fl\":\"t\\u0042\"},\"sent_at\":\"2024-01-01T00:00:00Z\"}").Bytes();
        Assert.Contains("none", await ReadAsync(new MemoryStream(body)), StringComparison.Ordinal);
        for (var at = 0; at < body.Length; at++)
            foreach (var b in (byte[])[0, 1, (byte)'"', (byte)'\\', (byte)'{', (byte)'}', (byte)'[', (byte)'u', (byte)'9', 0x7F, 0x80, 0xC3, 0xED, 0xFF, (byte)random.Next(256)])
            {
                var changed = (byte[])body.Clone();
                changed[at] = b;
                await ReadAsync(new MemoryStream(changed));
            }
    }

    static byte[] Marked(string text, byte[] bytes)
    {
        var at = Encoding.UTF8.GetByteCount(text[..text.IndexOf("MARK", StringComparison.Ordinal)]);
        var all = text.Bytes();
        return [.. all[..at], .. bytes, .. all[(at + 4)..]];
    }
}
