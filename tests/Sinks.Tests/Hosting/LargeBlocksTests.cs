using Pipeline.Sinks.Hosting;

namespace Pipeline.Sinks.Tests.Hosting;

public sealed class LargeBlocksTests
{
    const int Bytes = 64 * 1024;

    readonly LargeBlocks _blocks = new(Bytes);

    [Fact]
    public void Whatever_is_asked_for_a_whole_block_is_given_and_more_than_one_is_refused()
    {
        using var pool = _blocks.Create();
        Assert.Equal(Bytes, pool.MaxBufferSize);
        foreach (var bytes in (int[])[-1, 0, 1, 4096, Bytes])
            using (var block = pool.Rent(bytes))
                Assert.Equal(Bytes, block.Memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(Bytes + 1));
    }

    [Fact]
    public void A_block_is_had_by_one_at_a_time_however_often_it_is_given_back()
    {
        using var one = _blocks.Create();
        using var other = _blocks.Create();
        var block = one.Rent();
        block.Memory.Span.Fill(1);
        block.Dispose();
        block.Dispose();
        Assert.True(block.Memory.IsEmpty);
        Assert.Equal(Bytes, _blocks.KeptBytes);
        // The next one has the same memory, whichever pool it is of; the one after has not.
        using var again = other.Rent();
        using var next = other.Rent();
        Assert.Equal(0, _blocks.KeptBytes);
        next.Memory.Span.Clear();
        Assert.Equal(1, again.Memory.Span[0]);
    }

    [Fact]
    public void No_more_than_so_much_is_kept()
    {
        using var pool = _blocks.Create();
        var all = Enumerable.Range(0, (LargeBlocks.KeptBytesMax / Bytes) + 10).Select(_ => pool.Rent()).ToList();
        all.ForEach(b => b.Dispose());
        Assert.Equal(LargeBlocks.KeptBytesMax, _blocks.KeptBytes);
    }

    [Fact]
    public async Task Of_many_who_take_and_give_back_no_two_have_the_same()
    {
        using var pool = _blocks.Create();
        await Parallel.ForEachAsync(Enumerable.Range(1, 2000), TestContext.Current.CancellationToken, async (i, _) =>
        {
            using var block = pool.Rent();
            System.Runtime.InteropServices.MemoryMarshal.Write(block.Memory.Span, i);
            await Task.Yield();
            Assert.Equal(i, System.Runtime.InteropServices.MemoryMarshal.Read<int>(block.Memory.Span));
        });
        Assert.InRange(_blocks.KeptBytes, Bytes, LargeBlocks.KeptBytesMax);
    }
}
