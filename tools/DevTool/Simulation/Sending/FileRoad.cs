using System.IO.Compression;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>Writes one event a line. What a sender says beside its events (when it sent them) has no place there.</summary>
static class FileRoad
{
    public static void Write(IEnumerable<SimulatedEvent> events, string path, CancellationToken stop)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 256 * 1024);
        using Stream output = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        foreach (var e in events)
        {
            stop.ThrowIfCancellationRequested();
            output.Write(e.Bytes.Span);
            output.WriteByte((byte)'\n');
        }
    }
}
