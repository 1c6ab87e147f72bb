using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Pipeline.Pipeline.Tests.Oracle;

/// <summary>
/// One event read plainly, with a JSON document and decimals. Nothing of the product's code is used on purpose: this is what it is compared with.
/// </summary>
public sealed record RawEvent(
    string? Id, string Type, DateTime Timestamp, string UserId, string ProjectId, string? Tool, string? AnnotationType, decimal? DurationMs, bool Success, byte[] Bytes)
{
    public static RawEvent Read(byte[] bytes)
    {
        using var json = JsonDocument.Parse(bytes);
        var root = json.RootElement;
        var fields = root.GetProperty("data");
        return new RawEvent(
            Text(root, "event_id"), Text(root, "event_type")!, Time(Text(root, "timestamp")!),
            Text(root, "user_id")!, Text(root, "project_id")!, Text(root, "tool"), Text(fields, "annotationType"),
            fields.TryGetProperty("duration", out var duration) && duration.ValueKind == JsonValueKind.Number ? duration.GetDecimal() : null,
            fields.TryGetProperty("success", out var success) && success.ValueKind == JsonValueKind.True, bytes);
    }

    public static RawEvent Read(string json) => Read(Encoding.UTF8.GetBytes(json));

    public byte[] Key => Encoding.UTF8.GetBytes(UserId);

    /// <summary>Cut to microseconds, which is what the stores keep.</summary>
    static DateTime Time(string text)
    {
        var time = DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
        return time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>The real events that the tests send.</summary>
static class RealEvents
{
    static readonly Lazy<IReadOnlyList<RawEvent>> Events = new(ReadAll);

    /// <summary>All of it: 94,979 events, or the excerpt of 2,000 where the whole trace is not there or the broker could not hold it.</summary>
    public static IReadOnlyList<RawEvent> Whole => Events.Value;

    /// <summary>About this many events, taken evenly from all of it.</summary>
    public static IReadOnlyList<RawEvent> Sample(int count)
    {
        var step = Math.Max(1, Whole.Count / count);
        return [.. Whole.Where((_, i) => i % step == 0).Take(count)];
    }

    static List<RawEvent> ReadAll()
    {
        using var reader = new StreamReader(Open(), Encoding.UTF8);
        var events = new List<RawEvent>();
        while (reader.ReadLine() is { } line)
            if (line.Length > 0)
                events.Add(RawEvent.Read(line));
        return events;
    }

    static Stream Open() => Harness.TestServers.WholeTrace is { } path && !Harness.TestServers.IsEmbedded
        ? new GZipStream(File.OpenRead(path), CompressionMode.Decompress) : File.OpenRead(Harness.TestServers.Fixture("activity-2000.ndjson"));
}
