using System.Net;
using System.Text;
using System.Text.Json;

namespace Pipeline.DevTool;

/// <summary>Sends events to the ingest endpoint, the bytes of each event as they stand in the file.</summary>
static class HttpSender
{
    public static async Task<int> Run(Arguments arguments, CancellationToken stop)
    {
        using var http = new HttpClient { BaseAddress = new Uri(arguments.Text("url")), Timeout = TimeSpan.FromSeconds(30) };
        int accepted = 0, total = 0, batches = 0;
        foreach (var body in Bodies(arguments))
        {
            using var answer = JsonDocument.Parse(await Post(http, body, stop));
            accepted += answer.RootElement.GetProperty("processed_count").GetInt32();
            total += answer.RootElement.GetProperty("total_count").GetInt32();
            batches++;
        }
        Console.WriteLine($"{total} events in {batches} HTTP batches: {accepted} accepted");
        return accepted == total ? 0 : throw new FailureException($"{total - accepted} events were not accepted");
    }

    static IEnumerable<string> Bodies(Arguments arguments)
    {
        if (arguments.Find("body") is { } file)
        {
            yield return File.ReadAllText(file);
            yield break;
        }
        var number = 0;
        foreach (var events in EventFile.Read(arguments).Chunk(arguments.Number("batch", 100)))
            yield return $$"""
                {"batch_id":"sample-{{++number}}","events":[{{string.Join(',', events)}}],
                 "metadata":{"tool":"sample","version":"1.0.0"} }
                """;
    }

    /// <summary>Ingest answers 503 with Retry-After while its broker does not keep up; that is no failure until it lasts.</summary>
    static async Task<string> Post(HttpClient http, string body, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await http.PostAsync("/api/v1/events/batch", content, stop);
            var answer = await response.Content.ReadAsStringAsync(stop);
            if (response.StatusCode == HttpStatusCode.OK)
                return answer;
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || attempt == 20)
                throw new FailureException($"{http.BaseAddress}api/v1/events/batch answered {(int)response.StatusCode}: {answer}");
            await Task.Delay(response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1), TimeProvider.System, stop);
        }
    }
}
