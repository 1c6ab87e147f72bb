using System.Net;
using System.Text.Json;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>
/// Sends the events to the ingest endpoint, as clients do that come back after days without a network: they are received now, and a clock that is wrong is
/// wrong in <c>sent_at</c> too.
/// </summary>
sealed class HttpRoad(HttpClient http, Pace pace, Tally tally, int seed)
{
    /// <summary>Large batches where nothing presses; ten a second where there is a speed, so that it is even.</summary>
    const int BatchEventsMax = 500, BatchesPerSecond = 10;

    /// <summary>In an open loop many may wait for an answer; beyond this it is no longer open, and the last line says by how much.</summary>
    const int InFlightMax = 4, OpenLoopInFlightMax = 64;

    const int AttemptsMax = 20;

    readonly List<Task> _inFlight = [];
    readonly Dictionary<int, HttpBatch> _filling = [];
    int _batches;
    long _sent;

    int BatchEvents => pace.EventsPerSecond is { } speed ? Math.Clamp((int)(speed / BatchesPerSecond), 1, BatchEventsMax) : BatchEventsMax;

    public async Task Send(IEnumerable<SimulatedEvent> events, CancellationToken stop)
    {
        foreach (var e in events)
        {
            // Whose clock is right shares a batch with others, as behind a gateway.
            var sender = e.SkewMs == 0 ? -1 : e.User;
            if (!_filling.TryGetValue(sender, out var batch))
                _filling.Add(sender, batch = new HttpBatch($"sim-{seed}-{++_batches}", e.SkewMs));
            batch.Add(e);
            if (batch.Count < BatchEvents)
                continue;
            _filling.Remove(sender);
            await Start(batch, stop);
        }
        foreach (var batch in _filling.Values)
            await Start(batch, stop);
        await Task.WhenAll(_inFlight);
    }

    async Task Start(HttpBatch batch, CancellationToken stop)
    {
        await pace.Due(_sent, stop);
        _sent += batch.Count;
        while (_inFlight.Count >= (pace.EventsPerSecond is null ? InFlightMax : OpenLoopInFlightMax))
        {
            var done = await Task.WhenAny(_inFlight);
            _inFlight.Remove(done);
            await done;
        }
        _inFlight.Add(Post(batch, stop));
    }

    /// <summary>Ingest answers 503 or 429 with Retry-After while it does not take more; that is no failure until it lasts.</summary>
    async Task Post(HttpBatch batch, CancellationToken stop)
    {
        for (var attempt = 1; batch.Pending > 0; attempt++)
        {
            using var content = new ByteArrayContent(batch.Body(TimeProvider.System.GetUtcNow()));
            content.Headers.ContentType = new("application/json");
            using var response = await http.PostAsync("/api/v1/events/batch", content, stop);
            var answer = await response.Content.ReadAsStringAsync(stop);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK:
                    batch.Settle(Named(answer), tally);
                    break;
                case HttpStatusCode.UnprocessableEntity:
                    batch.RefuseAll(Code(answer), tally);
                    break;
                case HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests:
                    break;
                default:
                    throw new FailureException($"{http.BaseAddress}api/v1/events/batch answered {(int)response.StatusCode}: {answer}");
            }
            if (batch.Pending == 0)
                return;
            if (attempt == AttemptsMax)
                throw new FailureException($"{http.BaseAddress} did not accept a batch in {AttemptsMax} attempts, at last {(int)response.StatusCode}: {answer}");
            await Task.Delay(response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1), TimeProvider.System, stop);
        }
    }

    static Dictionary<int, (string, string)> Named(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("results").EnumerateArray()
            .ToDictionary(r => r.GetProperty("index").GetInt32(), r => (r.GetProperty("verdict").GetString()!, r.GetProperty("reason").GetString()!));
    }

    static string Code(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("code").GetString()!;
    }
}
