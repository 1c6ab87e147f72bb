using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Pipeline.Faults.Harness;

/// <summary>
/// Clients that post batches at a steady rate, whatever becomes of the earlier ones. Most send a batch again until it is accepted, as the
/// SDK does; the others leave it at the first answer, so that something stays unknown.
/// </summary>
sealed class HttpClients(Func<Uri?> ingest, Ledger ledger, LoadShape shape, Random random) : IDisposable
{
    const int UnderWayMax = 200;
    static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15), ResendPause = TimeSpan.FromMilliseconds(400);

    readonly HttpClient _http = new() { Timeout = AnswerWithin };
    readonly Traffic _traffic = new(random, shape);
    readonly string _run = $"{random.Next():x8}";
    readonly List<Task> _underWay = [];
    readonly CancellationTokenSource _giveUp = new();
    int _batches;

    /// <summary>Runs until stopped; then batches under way may still come through.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / shape.BatchesPerSecond));
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                _underWay.RemoveAll(t => t.IsCompletedSuccessfully);
                if (_underWay.Count < UnderWayMax)
                    _underWay.Add(SendAsync(NextBatch(), random.NextDouble() < shape.ResendShare, random.NextDouble() < shape.TwiceShare));
            }
        }
        catch (OperationCanceledException)
        {
            // The load is over.
        }
    }

    /// <summary>Waits for every answer, or gives up what is not accepted by then: it stays unknown.</summary>
    public async Task SettleAsync(TimeSpan within)
    {
        _giveUp.CancelAfter(within);
        await Task.WhenAll(_underWay);
    }

    (string Id, SentEvent[] Events) NextBatch() =>
        ($"{_run}-{_batches++}", [.. Enumerable.Range(0, shape.BatchEvents).Select(_ => _traffic.Next(random.Next(5) > 0, shape.InvalidShare))]);

    async Task SendAsync((string Id, SentEvent[] Events) batch, bool resends, bool twice)
    {
        var body = Body(batch.Id, batch.Events);
        if (twice)
            await Task.WhenAll(PostAsync(body, batch.Events), PostAsync(body, batch.Events));
        while (!await PostAsync(body, batch.Events) && resends && !_giveUp.IsCancellationRequested)
            await Task.Delay(ResendPause);
    }

    static byte[] Body(string id, SentEvent[] events) =>
        Encoding.UTF8.GetBytes($$"""{"batch_id":"{{id}}","events":[{{string.Join(',', events.Select(e => Encoding.UTF8.GetString(e.Bytes)))}}]}""");

    /// <returns>Whether every event has its final answer.</returns>
    async Task<bool> PostAsync(byte[] body, SentEvent[] events)
    {
        try
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var answer = await _http.PostAsync(new Uri(ingest() ?? throw new HttpRequestException("no host"), "api/v1/events/batch"), content);
            return Read(answer.StatusCode, await answer.Content.ReadAsStringAsync(), events);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or JsonException)
        {
            ledger.Write(events.Select(s => s.Mark), Told.Unknown);
            return false;
        }
    }

    bool Read(HttpStatusCode status, string text, SentEvent[] events)
    {
        var told = Enumerable.Repeat(status == HttpStatusCode.OK ? Told.Ok : Told.Unknown, events.Length).ToArray();
        using var json = JsonDocument.Parse(text);
        if (json.RootElement.TryGetProperty("results", out var results) && results.ValueKind == JsonValueKind.Array)
            foreach (var result in results.EnumerateArray())
                told[result.GetProperty("index").GetInt32()] = result.GetProperty("verdict").GetString() == "rejected" ? Told.Refused : Told.Unknown;
        for (var i = 0; i < events.Length; i++)
            ledger.Write(events[i].Mark, told[i]);
        return !told.Contains(Told.Unknown);
    }

    public void Dispose()
    {
        _http.Dispose();
        _giveUp.Dispose();
    }
}
