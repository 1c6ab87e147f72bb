using Confluent.Kafka;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using static Pipeline.Processors.Tests.Records;

namespace Pipeline.Processors.Tests.Events;

public sealed class PostgresBatchBuilderTests
{
    static readonly PostgresBatchBuilder Builder = new(new TopicOptions { Name = "efficiency.events", Tenant = "topic-tenant" }, "topic-id", Reading(), TimeProvider.System);

    static string Event(string type, string data, string tool = "null") =>
        $$"""{"event_type":"{{type}}","timestamp":"2024-01-01T00:00:00Z","user_id":"\u0075\ud83d\ude00","project_id":"p","tool":{{tool}},"data":{{data}}}""";

    [Fact]
    public void Every_record_is_a_row_or_a_letter_and_the_rest_is_absent()
    {
        var batch = Builder.Build(new RecordBatch([Record(11, Event("performance", "{}").Bytes()), Record(12, "{"u8.ToArray()), Record(15, null)], 10, 20));
        Assert.Equal((10L, 20L, 7L, "topic-tenant"), (batch.From, batch.Next, batch.Absent, batch.TopicTenant));
        Assert.Equal([11L], batch.Events.Select(e => e.Offset));
        Assert.Equal([(12L, "malformed_json"), (15L, "malformed_json")], batch.DeadLetters.Select(d => (d.Offset, d.Fault.Code)));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 3)]
    public void Records_with_a_header_that_their_topic_does_not_trust_are_counted_whatever_becomes_of_them(bool trusted, int counted)
    {
        var value = Event("performance", "{}").Bytes();
        ConsumeResult<byte[], byte[]>[] records =
        [
            Record(1, value, Header("1;1704067200000;team;b;0;;;")), Record(2, value), Record(3, "{"u8.ToArray(), Header("1;1704067200000;team;b;0;;;")), Record(4, value, Header("x", "traceparent")), Record(5, value, Header("nonsense")),
        ];
        var topic = new TopicOptions { Name = "efficiency.events", TrustHeaders = trusted };
        var builder = new PostgresBatchBuilder(topic, "topic-id", Reading(), TimeProvider.System);
        var batch = builder.Build(new RecordBatch(records, 1, 6));
        Assert.Equal(counted, builder.UntrustedHeaders(batch));
        Assert.Equal(counted, records.Count(new EventRecord(topic, "topic-id", TimeProvider.System).IgnoresHeaderOf));
        // Half by half, as a store that refuses the whole is given them.
        Assert.True(batch.TrySplit(out var first, out var second));
        Assert.Equal(counted, builder.UntrustedHeaders(first) + builder.UntrustedHeaders(second));
    }

    [Fact]
    public void A_row_is_the_event_without_its_escapes()
    {
        var value = Event("annotation", """{"type":"create","annotationType":"b\u006fx","duration":1.5,"success":true}""").Bytes();
        var row = Assert.Single(Builder.Build(new RecordBatch([Record(1, value, Header("1;1704067200000;team;b;0;;batch-tool;"))], 1, 2)).Events);
        Assert.Equal(("u😀", "p", "batch-tool", "box", 1.5, true, "team"), (row.UserId, row.ProjectId, row.Tool, row.AnnotationType, row.DurationMs, row.Success, row.Tenant));
        Assert.Same(value, row.Value);
        var digest = new byte[EventIdentity.DigestBytes];
        EventIdentity.Digest(value, digest);
        Assert.Equal(digest, row.Digest);
    }

    [Theory]
    [InlineData("annotation", """{"type":"create","annotationType":"box","duration":5,"success":false}""", 5.0, "box")]
    [InlineData("task_status", """{"type":"start","taskId":"t","duration":5,"annotationType":"x"}""", 5.0, null)]
    [InlineData("tool_efficiency", """{"tool":"brush","action":"undo","duration":5,"success":true}""", 5.0, null)]
    [InlineData("user_interaction", """{"action":"click","duration":5}""", 5.0, null)]
    [InlineData("performance", """{"duration":5}""", double.NaN, null)]
    [InlineData("error", """{"type":"t","message":"m","duration":5}""", double.NaN, null)]
    [InlineData("backend_computation", """{"duration":5,"annotationType":{}}""", double.NaN, null)]
    [InlineData("user_interaction", """{"action":"click"}""", double.NaN, null)]
    public void A_duration_counts_where_the_contract_gives_the_field_its_meaning(string type, string data, double duration, string? annotationType)
    {
        var row = Assert.Single(Builder.Build(new RecordBatch([Record(1, Event(type, data, "\"own\"").Bytes())], 1, 2)).Events);
        Assert.Equal((duration, annotationType, "own"), (row.DurationMs, row.AnnotationType, row.Tool));
    }

    [Fact]
    public void A_letter_keeps_key_bytes_and_every_header()
    {
        var headers = Header("1;1704067200000;team;b;0;;;");
        headers.Add("traceparent", [1]);
        headers.Add("nothing", null);
        var bad = Assert.Single(Builder.Build(new RecordBatch([Record(1, [0xFF, 0], headers)], 1, 2)).DeadLetters);
        Assert.Equal(("team", "invalid_utf8", "invalid", "processing"), (bad.Tenant, bad.Fault.Code, bad.Kind, bad.Stage));
        Assert.Equal([0xFF, 0], bad.Value);
        Assert.Equal("u"u8.ToArray(), bad.Key);
        Assert.Equal(["ingest", "traceparent", "nothing"], bad.Headers.Select(h => h.Key));
        Assert.Null(bad.Headers[2].Value);

        // And so does a valid event that the store refuses later.
        var refused = Builder.Build(new RecordBatch([Record(1, Event("performance", "{}").Bytes(), headers)], 1, 2)).Refused(new EventFault(FaultReason.StoreRefused), "why");
        var letter = Assert.Single(refused.DeadLetters);
        Assert.Equal(["ingest", "traceparent", "nothing"], letter.Headers.Select(h => h.Key));
        Assert.Equal("u"u8.ToArray(), letter.Key);
    }

    [Fact]
    public void Equal_texts_are_one_string()
    {
        var records = Enumerable.Range(0, 3).Select(i => Record(i, Event("performance", "{}").Bytes())).ToList();
        var rows = Builder.Build(new RecordBatch(records, 0, 3)).Events;
        Assert.All(rows, r => Assert.Same(rows[0].UserId, r.UserId));
        var strings = new Utf8Strings();
        for (var i = 0; i < 120_000; i++)
            Assert.Equal($"s{i}", strings.Get($"s{i}".Bytes()));
        Assert.Equal("", strings.Get([]));
    }
}
