using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>
/// A run's result as points of measurement <c>scheduled_analyses</c>: its numbers as one point at the time at which it was due (<c>part=run</c>), its arrays as one point for each value of the input
/// (<c>part=row</c>: at its bucket, or of its user) or for each bucket after the window (<c>part=ahead</c>). A later run's point of the same bucket takes the place of this one's; a run that ends after a later one has its numbers alone.
/// </summary>
static class ScheduledPoint
{
    /// <summary>Nothing for a run without a result.</summary>
    public static void Write(LineProtocol lines, Schedule schedule, FinishedRun run)
    {
        if (run.Result is null)
            return;
        using var parsed = JsonDocument.Parse(run.Result);
        var result = parsed.RootElement;
        var (due, tags) = (run.Run.DueAt, Tags(schedule, run.Run));
        Point(lines, tags("run", run.Run.UserId), due, result.EnumerateObject().Where(f => f.Value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False).Select(f => (f.Name, f.Value)));
        if (!run.IsLatest)
            return;
        var (times, users) = (Texts(run.Metadata, "rows"), Texts(run.Metadata, "users"));
        for (var i = 0; i < times.Count; i++)
            Point(lines, tags("row", run.Run.UserId), DateTime.Parse(times[i], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal), At(result, schedule.Points.Rows, i));
        for (var i = 0; i < users.Count; i++)
            Point(lines, tags("row", users[i]), due, At(result, schedule.Points.Rows, i));
        var first = schedule.Window(due).To;
        var steps = schedule.Points.Ahead.Select(name => Array(result, name) is { } array ? array.GetArrayLength() : 0).DefaultIfEmpty(0).Max();
        for (var i = 0; i < steps; i++)
            Point(lines, tags("ahead", run.Run.UserId), first + (i * schedule.Bucket), At(result, schedule.Points.Ahead, i));
    }

    static Func<string, string?, (string, string?)[]> Tags(Schedule schedule, ScheduledRun run) => (part, user) =>
        [("algorithm", schedule.Algorithm), ("part", part), ("project_id", run.ProjectId), ("schedule", schedule.Name), ("user_id", user)];

    static List<string> Texts(string? metadata, string name)
    {
        if (metadata is null)
            return [];
        using var parsed = JsonDocument.Parse(metadata);
        return parsed.RootElement.TryGetProperty(name, out var rows) && rows.ValueKind == JsonValueKind.Array ? [.. rows.EnumerateArray().Select(r => r.GetString()!)] : [];
    }

    static JsonElement? Array(JsonElement result, string name) => result.TryGetProperty(name, out var array) && array.ValueKind == JsonValueKind.Array ? array : null;

    static IEnumerable<(string, JsonElement)> At(JsonElement result, IReadOnlyList<string> names, int index) =>
        from name in names let array = Array(result, name) where array is { } some && index < some.GetArrayLength() select (name, array.Value[index]);

    /// <summary>Numbers are floats, whatever they look like: a field has one type. A number that is none, as a score of a day without work, is left out.</summary>
    static void Point(LineProtocol lines, (string Name, string? Value)[] tags, DateTime time, IEnumerable<(string Name, JsonElement Value)> fields)
    {
        var any = false;
        foreach (var (name, value) in fields)
        {
            var isNumber = value.ValueKind == JsonValueKind.Number;
            // What no field can hold would cost the whole line.
            if (name.Length == 0 || (isNumber ? !double.IsFinite(value.GetDouble()) : value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)))
                continue;
            if (!any)
                Begin(lines, tags);
            any = true;
            lines.Raw(","u8);
            // One of ours means how many points there are.
            lines.FieldKey(Encoding.UTF8.GetBytes(name is "count" or "time" ? $"result_{name}" : name));
            lines.Raw("="u8);
            if (isNumber)
                lines.Float(value.GetDouble());
            else
                lines.Raw(value.ValueKind == JsonValueKind.True ? "true"u8 : "false"u8);
        }
        if (!any)
            return;
        lines.Raw(" "u8);
        lines.Integer((Int128)(time - DateTime.UnixEpoch).Ticks * 100);
        lines.Raw("\n"u8);
    }

    static void Begin(LineProtocol lines, (string Name, string? Value)[] tags)
    {
        lines.Raw(Encoding.ASCII.GetBytes(InfluxErasure.Analyses));
        foreach (var (name, value) in tags)
        {
            if (string.IsNullOrEmpty(value))
                continue;
            lines.Raw(","u8);
            lines.Tag(Encoding.UTF8.GetBytes(name));
            lines.Raw("="u8);
            lines.Tag(Encoding.UTF8.GetBytes(value));
        }
        lines.Raw(" count=1i"u8);
    }
}
