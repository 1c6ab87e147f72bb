using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

public sealed class NdjsonReaderTests
{
    static readonly Dictionary<string, string> WithId = new() { ["batch_id"] = "b" };

    [Fact]
    public async Task Reads_one_event_a_line()
    {
        foreach (var text in (string[])[$"{Performance}\n{Performance}\n", $"{Performance}\r\n{Performance}", $"\n \t\r\n{Performance}\n\n\n{Performance}\n\n"])
            Assert.Equal($"b||||none: {Performance}|none: {Performance}", await ReadAsync(text, WithId));
    }

    [Fact]
    public async Task The_events_own_bytes_are_kept_without_the_white_space_around_them() =>
        Assert.Equal($"b||||none: {Performance}|none: {Performance}", await ReadAsync($"  {Performance} \t\n\t{Performance}\r\n", WithId));

    [Fact]
    public async Task A_fault_of_a_line_costs_the_others_nothing()
    {
        var described = await ReadAsync($"{Performance}\n{{broken\n{{}}\n5\n\ufeff{Performance}\n{Performance} {Performance}\n{Performance}", WithId);
        string[] faults = [.. described.Split('|')[4..].Select(d => d.Split(' ')[0])];
        Assert.Equal(["none:", "malformed_json:", "missing_field:event_type", "not_an_object:", "malformed_json:", "malformed_json:", "none:"], faults);
    }

    [Fact]
    public async Task The_query_says_what_an_envelope_would() =>
        Assert.Equal($"b;%|t|1.0|1704067200500000|none: {Performance}", await ReadAsync(Performance,
            new() { ["batch_id"] = "b;%", ["tool"] = "t", ["version"] = "1.0", ["sent_at"] = "2024-01-01T00:00:00.5Z" }));

    [Fact]
    public async Task Without_an_id_a_batch_is_known_by_its_bytes()
    {
        var id = (await ReadAsync(Performance, [])).Split('|')[0];
        Assert.Matches("^sha256:[0-9a-f]{64}$", id);
        Assert.Equal(id, (await ReadAsync(Performance, [])).Split('|')[0]);
        Assert.NotEqual(id, (await ReadAsync(Performance + "\n", [])).Split('|')[0]);
    }

    [Theory]
    [InlineData("batch_id", "", "400 invalid_batch_id")]
    [InlineData("batch_id", "a\n", "400 invalid_batch_id")]
    [InlineData("tool", "\0", "400 invalid_metadata")]
    [InlineData("version", "", "400 invalid_metadata")]
    [InlineData("sent_at", "now", "400 invalid_sent_at")]
    [InlineData("sent_at", "", "400 invalid_sent_at")]
    public async Task A_fault_of_the_query_refuses_the_body(string name, string value, string described) =>
        Assert.Equal(described, await ReadAsync(Performance, new() { [name] = value }));

    [Theory]
    [InlineData("", "400 empty_body")]
    [InlineData("\n", "422 empty_batch")]
    [InlineData(" \r\n\t\n", "422 empty_batch")]
    public async Task Nothing_is_no_batch(string body, string described) => Assert.Equal(described, await ReadAsync(body, WithId));

    [Fact]
    public async Task A_thousand_lines_are_taken_and_one_more_is_refused()
    {
        Assert.Equal(1000, (await ReadAsync(string.Join('\n', Enumerable.Repeat(Performance, 1000)), WithId)).Split("|none").Length - 1);
        Assert.Equal("413 too_many_events", await ReadAsync(string.Join('\n', Enumerable.Repeat(Performance, 1001)), WithId));
    }

    [Fact]
    public async Task A_body_cut_at_any_byte_gives_the_same()
    {
        var body = $"{Event("é😀")}\n\r\n{{bad\n{Performance}\n".Bytes();
        var whole = await Bodies.ReadAsync(new MemoryStream(body), ndjson: WithId);
        for (var cut = 1; cut < body.Length; cut++)
            Assert.Equal(whole, await Bodies.ReadAsync(new CutStream(body, cut), ndjson: WithId));
    }

    static Task<string> ReadAsync(string body, Dictionary<string, string> query) => Bodies.ReadAsync(new MemoryStream(body.Bytes()), ndjson: query);
}
