using Pipeline.Processors.Consuming;
using static Pipeline.Processors.Tests.Records;

namespace Pipeline.Processors.Tests.Consuming;

public sealed class RecordBatchTests
{
    [Fact]
    public void Split_one_by_one_every_offset_is_in_exactly_one_part_and_each_record_in_its_own()
    {
        var records = new[] { 12L, 13, 17, 18 }.Select(offset => Record(offset)).ToList();
        var rest = new RecordBatch(records, 10, 25);
        var next = rest.From;
        for (var i = 0; i < records.Count; i++)
        {
            (var first, rest) = rest.SplitFirst();
            Assert.Same(records[i], Assert.Single(first.Records));
            Assert.Equal(next, first.From);
            Assert.Equal(records.Skip(i + 1), rest.Records);
            Assert.Equal(first.Next, rest.From);
            Assert.Equal(i == records.Count - 1 ? 25 : records[i].Offset.Value + 1, first.Next);
            next = first.Next;
        }
        Assert.Equal((25L, 25L, 0), (rest.From, rest.Next, rest.Records.Count));
    }

    [Fact]
    public void A_stretch_that_is_read_one_by_one_is_copied_once()
    {
        const int n = 5000;
        var rest = new RecordBatch([.. Enumerable.Range(0, n).Select(offset => Record(offset))], 0, n);
        var before = GC.GetAllocatedBytesForCurrentThread();
        while (rest.Records.Count > 0)
            (_, rest) = rest.SplitFirst();
        // Copied for each of them it would be n²/2 references, 100 MB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5_000_000);
    }
}
