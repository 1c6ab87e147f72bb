using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>What producers that resend would publish: every event several times, in any order, part of it respelled, part of it in other partitions.</summary>
static class Load
{
    /// <summary>Every event this many times, shuffled. The first copy of each is its own bytes; a third of the others is respelled.</summary>
    public static byte[][] Copies(IReadOnlyList<RawEvent> events, int copies, Random random)
    {
        var bodies = new byte[events.Count * copies][];
        for (var i = 0; i < bodies.Length; i++)
            bodies[i] = i >= events.Count && random.Next(3) == 0 ? Respelling.Of(events[i % events.Count].Bytes, random) : events[i % events.Count].Bytes;
        random.Shuffle(bodies);
        return bodies;
    }

    /// <summary>The same as records of the topic. A quarter goes to a partition of chance, so that copies of one id meet in different transactions.</summary>
    public static TopicRecord[] Records(IReadOnlyList<RawEvent> events, int copies, int partitions, Random random)
    {
        var records = new TopicRecord[events.Count * copies];
        for (var i = 0; i < records.Length; i++)
        {
            var e = events[i % events.Count];
            var respelled = i >= events.Count && random.Next(3) == 0;
            records[i] = new TopicRecord(e.Key, respelled ? Respelling.Of(e.Bytes, random) : e.Bytes, random.Next(4) == 0 ? random.Next(partitions) : null);
        }
        random.Shuffle(records);
        return records;
    }

    /// <summary>Publishes the records in slices, one every 100 ms, so that something is always under way for this long.</summary>
    public static async Task PublishOverAsync(this TestTopic topic, TopicRecord[] records, TimeSpan time)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        var slice = Math.Max(1, (int)(records.Length / (time.TotalMilliseconds / 100)));
        foreach (var part in records.Chunk(slice))
        {
            await topic.PublishAsync(part);
            await timer.WaitForNextTickAsync();
        }
    }
}
