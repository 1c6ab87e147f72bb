namespace Pipeline.Sinks.Hosting;

/// <summary>
/// The bytes of all bodies that are being read or worked on. The bound makes overload an answer (503) and not an exhausted process.
/// </summary>
public sealed class InFlightBytes(long max)
{
    long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public long Max => max;

    public bool TryReserve(long bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) <= max)
            return true;
        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }

    public void Release(long bytes) => Interlocked.Add(ref _bytes, -bytes);
}
