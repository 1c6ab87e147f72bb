using Microsoft.Win32.SafeHandles;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>
/// Memory that one worker and this process see: a page that names the call that was begun, the arrays of a call, the arrays of its result. It has no
/// name in any file system and ends with the last of the two.
/// </summary>
sealed unsafe class SharedMemory(SafeFileHandle memory, int arrayBytes) : IDisposable
{
    /// <summary>Pages that stay with the worker after a call, on either side: what is larger is rare, and making pages anew costs 0.3 ms a MiB.</summary>
    const int KeptBytes = 16 * 1024 * 1024;

    readonly int _page = Environment.SystemPageSize;
    nint _start = Kernel.Map(memory, Environment.SystemPageSize + (2L * arrayBytes));

    /// <summary>The last call that the worker began, by its own word.</summary>
    public long CallBegun => Volatile.Read(ref *(long*)_start);

    public Span<byte> Request(int bytes) => bytes <= arrayBytes ? new((byte*)_start + _page, bytes) : throw new ArgumentOutOfRangeException(nameof(bytes));

    /// <summary>A copy of a part of the result's side. What a worker says of it is not believed.</summary>
    public double[] Read(long at, int count)
    {
        if (at < 0 || at % 8 != 0 || at > arrayBytes - (8L * count))
            throw new FrameException($"an array at {at} of {count} numbers lies outside the shared memory");
        return new ReadOnlySpan<double>((byte*)_start + _page + arrayBytes + at, count).ToArray();
    }

    /// <summary>After a call that used more than is kept.</summary>
    public void Trim(long requestBytes, long resultBytes)
    {
        if (requestBytes > KeptBytes)
            Kernel.PunchHole(memory, _page + KeptBytes, requestBytes - KeptBytes);
        if (resultBytes > KeptBytes)
            Kernel.PunchHole(memory, _page + arrayBytes + KeptBytes, Math.Min(resultBytes, arrayBytes) - KeptBytes);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _start, 0) is var start and not 0)
            Kernel.Unmap(start, _page + (2L * arrayBytes));
        memory.Dispose();
    }
}
