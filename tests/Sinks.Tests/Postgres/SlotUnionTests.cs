using System.Collections;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class SlotUnionTests
{
    static readonly DateTime Bucket = new(2024, 5, 6, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void Any_number_of_rows_of_one_bucket_costs_the_memory_of_few()
    {
        var slots = new SlotUnion();
        var row = new BitArray(SlotBits.Count, true);
        slots.Unite(Bucket, row);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 20_000; i++)
            slots.Unite(Bucket, row);
        // 5.4 million longs would be 43 MB.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 4_000_000);
        Assert.Equal(Enumerable.Range(0, SlotBits.Count).Select(i => SlotUnion.SlotOf(Bucket) - SlotBits.SlotsBefore + i), slots.Slots);
    }
}
