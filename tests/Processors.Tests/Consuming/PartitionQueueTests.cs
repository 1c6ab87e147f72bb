using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Consuming;
using static Pipeline.Processors.Tests.Records;

namespace Pipeline.Processors.Tests.Consuming;

public sealed class PartitionQueueTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(50);

    readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);

    PartitionQueue Queue(long position = 0, int records = 10, long bytes = 1_000_000)
    {
        var queue = new PartitionQueue(records, bytes, _clock);
        queue.Restart(position);
        return queue;
    }

    [Fact]
    public async Task Gives_records_in_order_with_the_stretch_they_cover()
    {
        var queue = Queue(5);
        foreach (var offset in (long[])[7, 8, 12])
            queue.Add(Record(offset));
        var batch = await TakeAsync(queue, 2);
        Assert.Equal((5L, 9L, true), (batch.From, batch.Next, batch.HasGaps));
        Assert.Equal([7L, 8], batch.Records.Select(r => r.Offset.Value));
        batch = await TakeAsync(queue, 2, lingers: true);
        Assert.Equal((9L, 13L, true), (batch.From, batch.Next, batch.HasGaps));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task A_stretch_without_gaps_says_so()
    {
        var queue = Queue(5);
        queue.Add(Record(5));
        queue.Add(Record(6));
        Assert.False((await TakeAsync(queue, 2)).HasGaps);
    }

    [Fact]
    public async Task Gives_no_record_of_an_earlier_stretch()
    {
        var queue = Queue();
        queue.Add(Record(0));
        queue.Suspend();
        Assert.False(queue.Add(Record(1)));
        queue.Add(End(9));
        Assert.Equal(0, queue.Count);
        queue.Restart(40);
        queue.Add(Record(40));
        Assert.Equal([40L], (await TakeAsync(queue, 1)).Records.Select(r => r.Offset.Value));
    }

    [Fact]
    public async Task Gives_no_record_before_the_position_it_was_restarted_at()
    {
        var queue = Queue(40);
        queue.Add(Record(39));
        queue.Add(Record(40));
        var batch = await TakeAsync(queue, 5, lingers: true);
        Assert.Equal((40L, 41L), (batch.From, batch.Next));
        Assert.Equal([40L], batch.Records.Select(r => r.Offset.Value));
    }

    [Fact]
    public async Task The_logs_end_moves_the_stretch_beyond_the_last_record()
    {
        var queue = Queue();
        queue.Add(Record(0));
        queue.Add(End(4));
        var batch = await TakeAsync(queue, 5, lingers: true);
        Assert.Equal((0L, 4L, 1), (batch.From, batch.Next, batch.Records.Count));
        // Nothing but markers.
        queue.Add(End(6));
        batch = await TakeAsync(queue, 5, lingers: true);
        Assert.Equal((4L, 6L, 0), (batch.From, batch.Next, batch.Records.Count));
    }

    [Fact]
    public async Task An_end_that_is_known_already_is_no_news()
    {
        var queue = Queue(6);
        queue.Add(End(6));
        queue.Add(End(3));
        var filled = queue.FilledAsync(1, 1, TimeSpan.Zero, Stop);
        Assert.False(filled.IsCompleted);
        queue.Add(Record(6));
        await filled;
    }

    [Fact]
    public async Task Offsets_behind_a_full_batch_wait_with_the_records_behind_it()
    {
        var queue = Queue();
        foreach (var offset in (long[])[0, 1, 2])
            queue.Add(Record(offset));
        queue.Add(End(9));
        Assert.Equal((0L, 2L), Stretch(await TakeAsync(queue, 2)));
        Assert.Equal((2L, 9L), Stretch(await TakeAsync(queue, 2, lingers: true)));
    }

    [Fact]
    public void Above_its_high_mark_it_asks_for_a_pause_and_below_half_for_more()
    {
        var queue = Queue(records: 4);
        Assert.Equal([false, false, false, true], Enumerable.Range(0, 4).Select(i => queue.Add(Record(i))));
        Assert.False(queue.BelowLowMark);
        queue.Take(1, long.MaxValue);
        Assert.False(queue.BelowLowMark);
        queue.Take(1, long.MaxValue);
        Assert.True(queue.BelowLowMark);
    }

    [Fact]
    public async Task Bytes_count_like_records()
    {
        var queue = Queue(bytes: 100_000);
        Assert.False(queue.Add(Record(0, new byte[60_000])));
        Assert.True(queue.Add(Record(1, new byte[60_000])));
        Assert.False(queue.BelowLowMark);
        // A batch ends with the record that fills it.
        Assert.Single((await TakeAsync(queue, 10, 50_000)).Records);
        Assert.Single((await TakeAsync(queue, 10, 50_000)).Records);
        Assert.True(queue.BelowLowMark);
        // Records without a value count too.
        Assert.Contains(Enumerable.Range(2, 500), i => queue.Add(Record(i)));
    }

    [Fact]
    public async Task A_batch_that_is_not_full_waits_for_company_and_no_longer()
    {
        var queue = Queue();
        var filled = queue.FilledAsync(5, long.MaxValue, Linger, Stop);
        queue.Add(Record(0));
        await Until.TrueAsync("it lingers", TimeSpan.FromSeconds(10), () => _clock.Waiting > 0);
        queue.Add(Record(1));
        Assert.False(filled.IsCompleted);
        _clock.Advance(Linger - TimeSpan.FromMilliseconds(1));
        Assert.False(filled.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(3));
        await filled.WaitAsync(TimeSpan.FromSeconds(10), Stop);
        Assert.Equal(2, queue.Take(5, long.MaxValue).Records.Count);
    }

    [Fact]
    public async Task A_full_batch_does_not_wait()
    {
        var queue = Queue();
        queue.Add(Record(0));
        queue.Add(Record(1));
        await queue.FilledAsync(2, long.MaxValue, TimeSpan.FromHours(1), Stop).WaitAsync(TimeSpan.FromSeconds(10), Stop);
    }

    [Fact]
    public async Task A_broken_queue_fails_its_worker_until_it_is_suspended()
    {
        var queue = Queue();
        var filled = queue.FilledAsync(1, 1, Linger, Stop);
        queue.Break();
        await Assert.ThrowsAsync<TopicUnavailableException>(() => filled);
        queue.Add(Record(0));
        await Assert.ThrowsAsync<TopicUnavailableException>(() => queue.FilledAsync(1, 1, Linger, Stop));
        Assert.Throws<TopicUnavailableException>(() => queue.Take(1, 1));
        queue.Suspend();
        queue.Restart(0);
        queue.Add(Record(0));
        Assert.Single((await TakeAsync(queue, 1)).Records);
    }

    [Fact]
    public async Task A_stop_ends_the_waiting()
    {
        using var stop = new CancellationTokenSource();
        var queue = Queue();
        var waiting = queue.FilledAsync(1, 1, Linger, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task One_that_adds_and_one_that_takes_lose_and_double_nothing()
    {
        var queue = new PartitionQueue(2000, long.MaxValue, TimeProvider.System);
        queue.Restart(0);
        const int count = 20_000;
        var adding = Task.Run(async () =>
        {
            for (var offset = 0; offset < count; offset++)
                if (queue.Add(Record(offset)))
                    await Until.TrueAsync("it empties", TimeSpan.FromSeconds(30), () => queue.BelowLowMark);
        }, Stop);
        long next = 0, taken = 0;
        while (next < count)
        {
            await queue.FilledAsync(370, long.MaxValue, TimeSpan.FromMilliseconds(1), Stop);
            var batch = queue.Take(370, long.MaxValue);
            Assert.Equal(next, batch.From);
            Assert.False(batch.HasGaps);
            taken += batch.Records.Count;
            next = batch.Next;
        }
        await adding;
        Assert.Equal(count, taken);
    }

    async Task<RecordBatch> TakeAsync(PartitionQueue queue, int records, long bytes = long.MaxValue, bool lingers = false)
    {
        var filled = queue.FilledAsync(records, bytes, Linger, Stop);
        if (lingers)
        {
            await Until.TrueAsync("it lingers", TimeSpan.FromSeconds(10), () => _clock.Waiting > 0);
            _clock.Advance(Linger + TimeSpan.FromMilliseconds(2));
        }
        await filled.WaitAsync(TimeSpan.FromSeconds(10), Stop);
        return queue.Take(records, bytes);
    }

    static (long, long) Stretch(RecordBatch batch) => (batch.From, batch.Next);
}
