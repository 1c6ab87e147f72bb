using System.Text;
using Pipeline.Contracts;
using Pipeline.Pipeline.Tests.Harness;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Host;

/// <summary>What arrives in the topic.</summary>
public sealed class DeliveryTests
{
    [Fact]
    public async Task The_older_clients_request_works_unchanged()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var answer = await host.PostAsync(await File.ReadAllBytesAsync(TestServers.Fixture("older-client-batch.json")));
        Assert.Equal((200, "success", "batch_001", 1, 1), (answer.Status, answer.Json.GetProperty("status").GetString(), answer.Json.GetProperty("batch_id").GetString(),
            answer.Json.GetProperty("processed_count").GetInt32(), answer.Json.GetProperty("total_count").GetInt32()));
        var record = Assert.Single(await host.RecordsAsync());
        var header = HeaderOf(record);
        Assert.Equal(("batch_001", 0, "pc-tool", "1.0.0", Topics.DefaultTenant, (long?)null), (header.BatchId, header.Position, header.Tool, header.Version, header.Tenant, header.SentAtMs));
        Assert.Equal("user123", Encoding.UTF8.GetString(record.Key));
    }

    [Fact]
    public async Task Each_record_is_the_events_own_bytes_with_its_user_as_key_and_one_header()
    {
        await using var host = await IngestUnderTest.StartAsync();
        string[] users = ["plain", "é漢😀", "a;b%c", "\\u0041\\ud83d\\ude00", "q\\\"\\\\", "'; DROP TABLE events;--"];
        string[] keys = ["plain", "é漢😀", "a;b%c", "A😀", "q\"\\", "'; DROP TABLE events;--"];
        var events = users.Select(u => Event(u).Replace(",", " ,\t", StringComparison.Ordinal)).ToArray();
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var answer = await host.PostAsync($$"""{"events":[ {{string.Join(" ,\n", events)}} ],"metadata":{"tool":"t;é","version":"1%"},"sent_at":"2024-01-01T00:00:00.5Z","batch_id":"b;%é\"\\"}""");
        Assert.Equal((200, "b;%é\"\\"), (answer.Status, answer.Json.GetProperty("batch_id").GetString()));
        var records = (await host.RecordsAsync()).OrderBy(r => HeaderOf(r).Position).ToList();
        Assert.Equal(events, records.Select(r => Encoding.UTF8.GetString(r.Value)));
        Assert.Equal(keys, records.Select(r => Encoding.UTF8.GetString(r.Key)));
        Assert.All(records.Index(), r => Assert.Equal(new IngestHeader(HeaderOf(r.Item).ReceivedAtMs, "default", "b;%é\"\\", r.Index, 1_704_067_200_500, "t;é", "1%"), HeaderOf(r.Item)));
        Assert.All(records, r => Assert.InRange(HeaderOf(r).ReceivedAtMs, before, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()));
    }

    [Fact]
    public async Task Lines_arrive_like_events_of_a_batch()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var answer = await host.PostAsync($"{Event("a")}\r\n\n  {Event("b")} \n{{bad\n", "application/x-ndjson", query: "?batch_id=b%3B1&tool=t&version=2&sent_at=2024-01-01T00:00:00Z");
        Assert.Equal((200, "b;1"), (answer.Status, answer.Json.GetProperty("batch_id").GetString()));
        Assert.Equal(["2 rejected malformed_json"], answer.Results);
        var records = (await host.RecordsAsync()).OrderBy(r => HeaderOf(r).Position).ToList();
        Assert.Equal([Event("a"), Event("b")], records.Select(r => Encoding.UTF8.GetString(r.Value)));
        Assert.Equal([("b;1", 0, "t", "2", 1_704_067_200_000), ("b;1", 1, "t", "2", 1_704_067_200_000)],
            records.Select(HeaderOf).Select(h => (h.BatchId, h.Position, h.Tool, h.Version, h.SentAtMs!.Value)));
    }

    [Fact]
    public async Task A_thousand_events_arrive_once_each_in_their_users_order()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var events = Enumerable.Range(0, 1000).Select(i => Event($"u{i % 10}", data: $$"""{"n":{{i}}}""")).ToList();
        Assert.Equal(200, (await host.PostAsync(Gzip(Batch(events).Bytes()), encoding: "gzip")).Status);
        var records = await host.RecordsAsync();
        Assert.Equal(Enumerable.Range(0, 1000), records.Select(r => HeaderOf(r).Position).Order());
        foreach (var user in records.GroupBy(r => Encoding.UTF8.GetString(r.Key)))
            Assert.Equal(user.Select(r => HeaderOf(r).Position).Order(), user.Select(r => HeaderOf(r).Position));
    }

    [Fact]
    public async Task A_body_cut_at_any_byte_of_its_first_kilobyte_arrives_the_same()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var body = $$"""{"batch_id":"b\u00e9😀","events":[{{Event("é漢😀")}},{"bad":1} ,{{Event("u\\u00e9")}}],"sent_at":null,"metadata":{"tool":"t"} }""".Bytes();
        var expected = await host.PostAsync(body);
        foreach (var cut in Enumerable.Range(1, Math.Min(1024, body.Length) - 1))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch") { Content = new CutContent(body, cut) };
            var answer = await host.SendAsync(request);
            Assert.Equal((cut, expected.Status, expected.Json.GetProperty("results").GetRawText()), (cut, answer.Status, answer.Json.GetProperty("results").GetRawText()));
        }
        var records = await host.RecordsAsync();
        Assert.Equal(2 * Math.Min(1024, body.Length), records.Count);
        Assert.Equal([Event("u\\u00e9"), Event("é漢😀")], records.Select(r => Encoding.UTF8.GetString(r.Value)).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Two_hundred_clients_at_once_are_served_and_nothing_is_lost()
    {
        await using var host = await IngestUnderTest.StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(async client =>
        {
            for (var i = 0; i < 3; i++)
                Assert.Equal(200, (await host.PostAsync(Batch(Event($"u{client}"), "{}", Event($"u{client}", data: $$"""{"i":{{i}}}""")))).Status);
            return 3;
        }));
        var records = await host.RecordsAsync();
        Assert.Equal(2 * answers.Sum(), records.Count);
        Assert.All(records, r => Assert.Contains($"\"user_id\":\"{Encoding.UTF8.GetString(r.Key)}\"", Encoding.UTF8.GetString(r.Value), StringComparison.Ordinal));
        var metrics = await host.MetricsAsync();
        Assert.Equal((1200, 600, 0), (metrics.Value("pipeline_ingest_events_total", "verdict", "accepted"), metrics.Value("pipeline_ingest_events_total", "verdict", "rejected"), metrics.Value("pipeline_ingest_in_flight_bytes")));
        Assert.Equal(600, metrics.Value("pipeline_ingest_rejected_events_total", "reason", "missing_field"));
        Assert.Equal(600, metrics.Value("pipeline_ingest_batch_seconds_count"));
    }

    static IngestHeader HeaderOf(Confluent.Kafka.Message<byte[], byte[]> record)
    {
        var only = Assert.Single(record.Headers);
        Assert.Equal(Topics.IngestHeaderName, only.Key);
        Assert.True(IngestHeader.TryParse(only.GetValueBytes(), out var header));
        return header!;
    }

    /// <summary>Two chunks, the second sent only when the first is on its way.</summary>
    sealed class CutContent : HttpContent
    {
        readonly byte[] _bytes;
        readonly int _cut;

        public CutContent(byte[] bytes, int cut)
        {
            (_bytes, _cut) = (bytes, cut);
            Headers.ContentType = new("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.WriteAsync(_bytes.AsMemory(0, _cut));
            await stream.FlushAsync();
            await stream.WriteAsync(_bytes.AsMemory(_cut));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
