using Pipeline.Contracts.Events;
using Pipeline.Sinks.Influx;

namespace Pipeline.Benchmarks;

/// <summary>Writes events as points by the product's own lines and writer.</summary>
static class StoredPerformance
{
    const int BatchPoints = 5000;

    /// <returns>How many points were written.</returns>
    public static async Task<int> WriteAsync(Servers servers, string bucket, IEnumerable<byte[]> events)
    {
        using var influx = new InfluxWriter(new InfluxOptions { Url = servers.Influx, Token = servers.InfluxToken, Org = servers.InfluxOrg, Bucket = bucket });
        var (lines, parsed, points) = (new LineProtocol(), default(ParsedEvent), 0);
        foreach (var batch in events.Chunk(BatchPoints))
        {
            lines.Clear();
            foreach (var e in batch)
            {
                if (EventParser.Parse(e, ref parsed) is { Exists: true } fault)
                    throw new InvalidOperationException($"a simulated event is not valid: {fault}");
                EventPoint.Write(lines, parsed, e, new EventPoint.Context(parsed.EventId, default, null));
                lines.Raw("\n"u8);
            }
            await influx.WriteAsync(lines.Bytes, CancellationToken.None);
            points += batch.Length;
        }
        return points;
    }
}
