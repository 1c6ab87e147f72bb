using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Pipeline.Sinks.Hosting;

/// <summary>
/// Blocks that the server reads connections into. Its own have 4 KiB, and each of them costs a call of the system, a wake-up and a piece to copy: of a large body that is more than
/// everything else together (docs/benchmarks.md). One that waits for data holds none.
/// </summary>
public sealed class LargeBlocks(int blockBytes) : IMemoryPoolFactory<byte>
{
    /// <summary>What is kept for the next bodies, by all pools together; further blocks go to the garbage collector.</summary>
    public const int KeptBytesMax = 16 * 1024 * 1024;

    readonly ConcurrentStack<byte[]> _kept = new();
    int _count;

    /// <summary>The server asks for a pool for each of its addresses and queues.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool(this, blockBytes);

    public long KeptBytes => (long)Volatile.Read(ref _count) * blockBytes;

    byte[] Take()
    {
        if (!_kept.TryPop(out var bytes))
            return GC.AllocateUninitializedArray<byte>(blockBytes, pinned: true);
        Interlocked.Decrement(ref _count);
        return bytes;
    }

    void Return(byte[] bytes)
    {
        if (Interlocked.Increment(ref _count) <= KeptBytesMax / blockBytes)
            _kept.Push(bytes);
        else
            Interlocked.Decrement(ref _count);
    }

    sealed class Pool(LargeBlocks blocks, int blockBytes) : MemoryPool<byte>
    {
        public override int MaxBufferSize => blockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, blockBytes);
            return new Block(blocks);
        }

        protected override void Dispose(bool disposing)
        {
            // The blocks are the others' too.
        }
    }

    sealed class Block(LargeBlocks blocks) : IMemoryOwner<byte>
    {
        byte[]? _bytes = blocks.Take();

        public Memory<byte> Memory => _bytes;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is { } bytes)
                blocks.Return(bytes);
        }
    }
}
