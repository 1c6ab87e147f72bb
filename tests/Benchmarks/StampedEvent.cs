using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Pipeline.Benchmarks;

/// <summary>A simulated event under another id and at another time. The simulation writes both at one length and in one place.</summary>
static class StampedEvent
{
    const int IdBytes = 36, TimeBytes = 24;

    static ReadOnlySpan<byte> Timestamp => "\"timestamp\":\""u8;

    /// <param name="id">Null for its own.</param>
    public static byte[] Of(ReadOnlySpan<byte> e, Guid? id, DateTimeOffset time)
    {
        var stamped = e.ToArray();
        if (id is { } other && !(Utf8Formatter.TryFormat(other, stamped.AsSpan("{\"event_id\":\"".Length), out var written) && written == IdBytes))
            throw new InvalidOperationException("an id has 36 characters");
        Encoding.ASCII.GetBytes(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture))
            .CopyTo(stamped.AsSpan(stamped.AsSpan().IndexOf(Timestamp) + Timestamp.Length, TimeBytes));
        return stamped;
    }
}
