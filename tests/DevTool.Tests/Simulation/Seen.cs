using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.DevTool.Simulation;

namespace Pipeline.DevTool.Tests.Simulation;

/// <summary>One simulated event, read plainly.</summary>
/// <param name="Kind">The event's type and what it says it is, such as <c>annotation create</c> or <c>tool_efficiency undo</c>.</param>
/// <param name="At">When it happened, unix ms, by a clock that is right.</param>
sealed record Seen(
    SimulatedEvent Event, string Id, string Kind, long Timestamp, string User, string Project, string? Task, string? Session, string? Tool, JsonElement Fields)
{
    /// <summary>A Friday.</summary>
    public static readonly DateTimeOffset Until = new(2026, 11, 20, 18, 0, 0, TimeSpan.Zero);

    public long At => Event.OccurredAtMs;

    public double? Duration => Fields.TryGetProperty("duration", out var duration) ? duration.GetDouble() : null;

    public string? Object => Text(Fields, "objectId");

    public bool Is(string kind) => Kind == kind;

    /// <summary>Ten people and four weeks, once for all tests that only look.</summary>
    public static IReadOnlyList<Seen> FourWeeks => Shared.Value;

    static readonly Lazy<IReadOnlyList<Seen>> Shared = new(() => Of(new SimulationOptions { Users = 12, Days = 28, Projects = 5, Rate = 60, Until = Until }));

    public static List<Seen> Of(SimulationOptions options) => [.. new SimulatedWork(options).Events().Select(Read)];

    /// <summary>Who did what in the order of time; repeats are left out.</summary>
    public static IEnumerable<IGrouping<string, Seen>> By(IEnumerable<Seen> events, Func<Seen, string?> key) =>
        events.Where(e => !e.Event.IsRepeat && key(e) is not null).OrderBy(e => e.At).GroupBy(e => key(e)!);

    static Seen Read(SimulatedEvent e)
    {
        using var json = JsonDocument.Parse(e.Bytes);
        var root = json.RootElement;
        var fields = root.GetProperty("data").Clone();
        var type = Text(root, "event_type")!;
        var kind = Text(fields, type is "annotation" or "task_status" ? "type" : "action");
        var time = DateTimeOffset.Parse(Text(root, "timestamp")!, CultureInfo.InvariantCulture);
        return new Seen(e with { Bytes = e.Bytes.ToArray() }, Text(root, "event_id")!, kind is null ? type : $"{type} {kind}", time.ToUnixTimeMilliseconds(),
            Text(root, "user_id")!, Text(root, "project_id")!, Text(root, "task_id"), Text(root, "session_id"), Text(root, "tool"), fields);
    }

    static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) ? value.GetString() : null;

    public override string ToString() => Encoding.UTF8.GetString(Event.Bytes.Span);
}
