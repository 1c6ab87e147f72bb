using System.Text;
using Pipeline.DevTool.Simulation;

namespace Pipeline.Benchmarks;

/// <summary>What comes after the stored year, as batches that are sent now: fresh ids, and the times at which they are to be sent.</summary>
static class ArrivingEvents
{
    public const int BatchEvents = 100;

    /// <param name="events">Where the stored year ends.</param>
    /// <param name="eventsPerSecond">How fast they will be sent.</param>
    public static List<byte[]> Requests(Uri target, IEnumerator<SimulatedEvent> events, int count, double eventsPerSecond)
    {
        var (requests, start) = (new List<byte[]>(), DateTimeOffset.UtcNow);
        using var body = new MemoryStream();
        for (var i = 0; i < count; i++)
        {
            if (!events.MoveNext())
                throw new InvalidOperationException($"the simulation ended {count - i} events early");
            body.Write(i % BatchEvents == 0 ? Encoding.ASCII.GetBytes($"{{\"batch_id\":\"bench-{start.Ticks}-{i}\",\"events\":[") : ","u8);
            body.Write(StampedEvent.Of(events.Current.Bytes.Span, Guid.NewGuid(), start.AddSeconds(i / eventsPerSecond)));
            if ((i + 1) % BatchEvents > 0)
                continue;
            body.Write("],\"metadata\":{\"tool\":\"bench\",\"version\":\"1.0.0\"}}"u8);
            requests.Add(HttpLoad.Request(target, body.GetBuffer().AsSpan(0, (int)body.Length)));
            body.SetLength(0);
        }
        return requests;
    }
}
