using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>However the network cuts a request, it is the same request.</summary>
public sealed class CutBodyTests
{
    const int Cuts = 1024, Events = 6, Clients = 8;

    [Fact]
    public async Task A_batch_cut_at_every_byte_of_its_first_kilobyte_gives_the_same_answer_and_is_stored_once()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var events = Enumerable.Range(0, Events).Select(i =>
            $$$"""{"event_type":"annotation","timestamp":"2024-05-01T00:00:{{{i:00}}}Z","user_id":"ü\u00e9😀 {{{i}}}","project_id":"p","data":{"type":"create","annotationType":"b","duration":{{{i}}}.5e1,"success":true}}""");
        var body = Encoding.UTF8.GetBytes($$"""{"batch_id":"cut","metadata":{"tool":"t"},"events":[{{string.Join(",\n ", events)}}]}""");
        Assert.True(body.Length > Cuts, $"{body.Length} bytes");

        var answers = new string[Cuts];
        await Parallel.ForAsync(0, Cuts, new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (cut, stop) => answers[cut] = await PostAsync(ingest, body, cut + 1, stop));
        Assert.Single(answers.Distinct());
        Assert.Equal($"success {Events}/{Events} cut", answers[0]);
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(new Outcomes(Stored: Events, Duplicate: Events * (Cuts - 1)), await pipeline.Database.OutcomesAsync());
    }

    static async Task<string> PostAsync(HostProcess ingest, byte[] body, int cut, CancellationToken stop)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(ingest.Url.Host, ingest.Url.Port, stop);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST /api/v1/events/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n"), stop);
        await stream.WriteAsync(body.AsMemory(0, cut), stop);
        // Long enough for the server to have read what there is; the result does not depend on it.
        await Task.Delay(1, stop);
        await stream.WriteAsync(body.AsMemory(cut), stop);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var answer = await reader.ReadToEndAsync(stop);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(answer[answer.IndexOf('{', StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)]);
        var root = json.RootElement;
        return $"{root.GetProperty("status").GetString()} {root.GetProperty("processed_count").GetInt32()}/{root.GetProperty("total_count").GetInt32()} {root.GetProperty("batch_id").GetString()}";
    }
}
