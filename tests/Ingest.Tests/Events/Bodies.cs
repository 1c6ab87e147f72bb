using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest.Tests.Events;

/// <summary>Bodies of batches, and their reading without a server.</summary>
static class Bodies
{
    public const string Performance = """{"event_type":"performance","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data":{"fps":60}}""";

    public static string Event(string user, string? id = null, string data = """{"fps":60}""") =>
        $$"""{"event_id":{{(id is null ? "null" : $"\"{id}\"")}},"event_type":"performance","timestamp":"2024-01-01T00:00:00Z","user_id":"{{user}}","project_id":"p","data":{{data}}}""";

    public static string Batch(params IEnumerable<string> events) => $$"""{"batch_id":"b-1","events":[{{string.Join(',', events)}}]}""";

    public static byte[] Bytes(this string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Gzip(byte[] bytes) => Compress(bytes, s => new GZipStream(s, CompressionLevel.Fastest));

    public static byte[] Brotli(byte[] bytes) => Compress(bytes, s => new BrotliStream(s, CompressionLevel.Fastest));

    static byte[] Compress(byte[] bytes, Func<Stream, Stream> encoder)
    {
        using var target = new MemoryStream();
        using (var stream = encoder(target))
            stream.Write(bytes);
        return target.ToArray();
    }

    public static DefaultHttpContext Request(Stream body, string? encoding = null, long? length = null)
    {
        var http = new DefaultHttpContext();
        http.Request.Body = body;
        http.Request.ContentLength = length;
        if (encoding is not null)
            http.Request.Headers.ContentEncoding = encoding;
        return http;
    }

    /// <summary>What a batch became, in words that compare.</summary>
    public static string Describe(Problem? problem, EventBatch batch)
    {
        if (problem is not null)
            return $"{problem.Status} {problem.Code}";
        var text = new StringBuilder($"{batch.BatchId}|{batch.Tool}|{batch.Version}|{batch.SentAtUs}");
        for (var i = 0; i < batch.Count; i++)
            text.Append('|').Append(batch[i].Fault.Code).Append(':').Append(batch[i].Fault.Field).Append(' ').Append(Encoding.UTF8.GetString(batch.Bytes(i)));
        return text.ToString();
    }

    public static async Task<string> ReadAsync(Stream source, string? encoding = null, int bytesMax = 1 << 20, Dictionary<string, string>? ndjson = null)
    {
        var budget = new InFlightBytes(16L << 20);
        string described;
        using (var body = new RequestBody(budget, bytesMax))
        using (var batch = new EventBatch(body))
        {
            var problem = await body.ReadAsync(Request(source, encoding).Request, TestContext.Current.CancellationToken)
                ?? (ndjson is null ? BatchReader.Read(batch) : NdjsonReader.Read(batch, new QueryCollection(ndjson.ToDictionary(q => q.Key, q => new Microsoft.Extensions.Primitives.StringValues(q.Value)))));
            described = Describe(problem, batch);
        }
        Assert.Equal(0, budget.Bytes);
        return described;
    }

    public static Task<string> ReadAsync(string body) => ReadAsync(new MemoryStream(body.Bytes()));
}
