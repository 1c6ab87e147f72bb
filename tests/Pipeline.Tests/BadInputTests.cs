using System.Text;
using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>
/// Whatever is published to the topic directly: it becomes a dead letter with its reason and everything that came with it, and the partition
/// goes on.
/// </summary>
public sealed class BadInputTests
{
    const int Partitions = 2;

    sealed record Letter(string Reason, byte[]? Value, byte[]? Key, string[] HeaderNames, byte[]?[] HeaderValues)
    {
        public override string ToString() => $"{Reason} key {Hex(Key)} headers {string.Join(',', HeaderNames)}={string.Join(',', HeaderValues.Select(Hex))} value {Hex(Value)}";

        static string Hex(byte[]? bytes) => bytes is null ? "null" : Convert.ToHexString(bytes);
    }

    [Fact]
    public async Task Bad_records_are_dead_lettered_with_their_reason_bytes_key_and_headers_and_valid_ones_between_them_are_stored()
    {
        var random = Seeds.Next();
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions, withInflux: true);
        var bad = BadRecords.All(random).ToList();
        var valid = RealEvents.Sample(bad.Count);
        List<TopicRecord> records = [];
        Dictionary<(int Partition, long Offset), Letter> expected = [];
        for (var i = 0; i < bad.Count; i++)
        {
            var partition = i % Partitions;
            var offset = records.Count(r => r.Partition == partition);
            expected.Add((partition, offset), ExpectedLetter(bad[i]));
            records.Add(bad[i].Record with { Partition = partition });
            records.Add(new TopicRecord(valid[i].Key, valid[i].Bytes, partition));
        }
        await pipeline.Topic.PublishAsync(records);
        await pipeline.StartProcessorsAsync();
        await new Expected([.. valid], records.Count) { DeadLetters = bad.Count }.AssertStoredAsync(pipeline);

        var letters = await pipeline.Database.RowsAsync("""
            SELECT partition, "offset", reason, value, key, header_names, header_values FROM pipeline.dead_letters
            WHERE consumer = 'events-postgres' AND topic = $1 AND kind = 'invalid' AND stage = 'processing' AND attempts = 1
            """, r => (At: (r.GetInt32(0), r.GetInt64(1)), Letter: new Letter(r.GetString(2), BytesOrNull(r, 3), BytesOrNull(r, 4), r.GetFieldValue<string[]>(5), r.GetFieldValue<byte[]?[]>(6))), pipeline.Topic.Name);
        Assert.Equal(expected.Count, letters.Count);
        foreach (var (at, letter) in letters)
            Assert.Equal(expected[at].ToString(), letter.ToString());
        await Until.TrueAsync("InfluxDB holds the valid events", TimeSpan.FromSeconds(60), pipeline.Influx!.PointsAsync, points => points == Points.Of(valid));
    }

    static byte[]? BytesOrNull(Npgsql.NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<byte[]>(column);

    static Letter ExpectedLetter(BadRecord bad)
    {
        var headers = bad.Record.Headers?.ToList() ?? [];
        return new Letter(bad.Reason, bad.Record.Value, bad.Record.Key, [.. headers.Select(h => h.Key)], [.. headers.Select(h => h.GetValueBytes())]);
    }

    [Fact]
    public async Task Odd_but_valid_events_are_stored_in_PostgreSQL_and_are_points_in_InfluxDB()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(Partitions, withInflux: true);
        var odd = OddEvents().Select((json, i) => RawEvent.Read(json.Replace("ID", $"00000000-0000-8000-8000-{i + 1:x12}", StringComparison.Ordinal))).ToList();
        await pipeline.Topic.PublishAsync(odd.Select((e, i) => new TopicRecord(e.Key, e.Bytes, i % Partitions)));
        await pipeline.StartProcessorsAsync();
        await new Expected(odd, odd.Count).AssertStoredAsync(pipeline);
        await Until.TrueAsync("InfluxDB holds every odd event", TimeSpan.FromSeconds(60), pipeline.Influx!.PointsAsync, points => points == Points.Of(odd));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
    }

    static IEnumerable<string> OddEvents()
    {
        string Computation(string contents) => $$"""{"event_id":"ID","event_type":"backend_computation","timestamp":"2024-05-01T00:00:00Z","user_id":"odd","project_id":"p","data":{{contents}}}""";
        yield return Computation("{}");
        yield return Computation("""{"":1,"a b":2,"a,b":3,"a=b":4,"a\\":5,"\"q\"":6,"line\nfeed":7,"#":8,"a\\ ":9}""");
        yield return Computation("""{"time":1,"count":2,"event_id":3,"user_id":4,"tool":5,"_measurement":6,"_field":7,"type":8,"action":true}""");
        yield return Computation("""{"big":1.7976931348623157e308,"small":5e-324,"zero":-0.0,"long":123456789012345678901234567890,"none":null,"list":[1,[2]],"o":{"x":1}}""");
        yield return Computation("""{"same":1,"same":2}""");
        yield return Computation($$"""{"deep":{{new string('[', 60)}}{{new string(']', 60)}}}""");
        yield return Computation($$"""{"text":"{{new string('x', 400_000)}}","type":"{{new string('y', 60_000)}}"}""");
        yield return Computation("""{"type":"tab\t, newline\n, quote\" and backslash\\","annotationType":"\ud83d\ude00 \u00e9"}""");
        yield return """{"event_id":"ID","event_type":"performance","timestamp":"2000-01-01T00:00:00.000000001Z","user_id":"odd","project_id":"p","data":{"fps":null}}""";
        yield return """{"event_id":"ID","event_type":"annotation","timestamp":"2024-02-29T23:59:59.5-13:59","user_id":"odd","project_id":"p","data":{"type":"create","annotationType":"b","duration":1800000.0004,"success":true}}""";
        yield return """{"metadata":{"x":[]},"tool":null,"session_id":null,"event_id":"ID","event_type":"error","timestamp":"2024-05-01T00:00:00.123456789+05:45","user_id":"odd","project_id":"p","data":{"type":"t","message":"m\u2028"}}""";
    }
}
