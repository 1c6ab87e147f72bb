using System.Text;
using System.Text.Json;

namespace Pipeline.Oracle;

/// <summary>An event read plainly, with its corrected time.</summary>
sealed record Occurrence
{
    const long SkewToleratedUs = 5 * Times.SecondUs, DayUs = 24 * 3600 * Times.SecondUs;
    const double DurationMsMax = 30 * 60 * 1000, FpsMax = 1_000_000;
    static readonly long Year2000Us = Times.Parse("2000-01-01T00:00:00Z");
    static readonly string[] TypesWithDuration = ["annotation", "task_status", "tool_efficiency", "user_interaction"];

    /// <summary>In lower case, so that the order of the text is the order of the bytes.</summary>
    public required string Id { get; init; }
    public required string Type { get; init; }
    public required string User { get; init; }
    public required string Project { get; init; }
    public string? Tool { get; init; }

    /// <summary>occurred_at.</summary>
    public long At { get; init; }
    public bool IsCorrected { get; init; }
    public long ReceivedAt { get; init; }
    public long? SentAt { get; init; }

    /// <summary><c>data.type</c> of annotation and task_status events, <c>data.action</c> of tool_efficiency events.</summary>
    public string? Action { get; init; }
    public string? AnnotationType { get; init; }
    public string? ObjectId { get; init; }
    public string? Source { get; init; }
    public string? TaskId { get; init; }
    public bool Succeeded { get; init; }

    /// <summary>In whole microseconds; null where there is none in range.</summary>
    public long? DurationUs { get; init; }
    public bool IsOutlier { get; init; }

    /// <summary>Null where there is none in range.</summary>
    public decimal? Fps { get; init; }

    public bool IsAnnotation => Type == "annotation";

    /// <summary>Types that occupy slots of active time.</summary>
    public bool IsWork => TypesWithDuration.Contains(Type);

    public bool IsCompletion => Is("annotation", "create", "complete") && Succeeded;

    public bool IsChange => Is("annotation", "update", "modify", "delete");

    public bool Is(string type, params ReadOnlySpan<string> actions) => Type == type && actions.Contains(Action);

    public static Occurrence Read(TraceEvent e)
    {
        using var json = JsonDocument.Parse(e.Bytes);
        var root = json.RootElement;
        var fields = root.GetProperty("data");
        var type = Text(root, "event_type")!;
        var (received, sent) = (Times.Us(e.ReceivedAt), e.SentAt is { } time ? Times.Us(time) : (long?)null);
        var (at, isCorrected) = OccurredAt(Times.Parse(Text(root, "timestamp")!), sent, received);
        var duration = TypesWithDuration.Contains(type) ? Number(fields, "duration") : null;
        var id = Text(root, "event_id") is { } named ? Guid.Parse(named) : e.DerivedId ?? throw new ArgumentException("The JSON names no id and none was derived.", nameof(e));
        return new Occurrence
        {
            Id = id.ToString("D"), Type = type, User = Text(root, "user_id")!, Project = Text(root, "project_id")!, Tool = Text(root, "tool") ?? e.BatchTool,
            At = at, IsCorrected = isCorrected, ReceivedAt = received, SentAt = sent,
            Action = Text(fields, type == "tool_efficiency" ? "action" : "type"),
            AnnotationType = type == "annotation" ? Text(fields, "annotationType") : null,
            ObjectId = type == "annotation" ? Text(fields, "objectId") : null,
            Source = type == "annotation" ? Text(fields, "source") : null,
            TaskId = type == "task_status" ? Text(fields, "taskId") : null,
            Succeeded = fields.TryGetProperty("success", out var success) && success.ValueKind == JsonValueKind.True,
            DurationUs = duration is { } d && IsIn(d, DurationMsMax) ? (long)decimal.Floor((Exact(d) * 1000) + 0.5m) : null,
            IsOutlier = duration is { } o && !IsIn(o, DurationMsMax),
            Fps = type == "performance" && Number(fields, "fps") is { } fps && IsIn(fps, FpsMax) ? Exact(fps) : null,
        };
    }

    static (long At, bool IsCorrected) OccurredAt(long timestamp, long? sentAt, long receivedAt)
    {
        var isCorrected = sentAt is { } sent && Math.Abs(sent - receivedAt) > SkewToleratedUs;
        var at = isCorrected ? receivedAt - Math.Max(0, sentAt!.Value - timestamp) : timestamp;
        return at >= Year2000Us && at <= receivedAt + DayUs ? (at, isCorrected) : throw new ArgumentException($"{Times.At(at):O} is not valid for an event received at {Times.At(receivedAt):O}.");
    }

    /// <summary>Whatever float64 can say is a number of the contract; only what is in range has to be exact.</summary>
    static bool IsIn(JsonElement number, double max) => number.GetDouble() is var value && value >= 0 && value <= max;

    static decimal Exact(JsonElement number) => number.TryGetDecimal(out var value) ? value : (decimal)number.GetDouble();

    static JsonElement? Number(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.Clone() : null;

    static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>The order that decides which of several events is the first.</summary>
sealed class FirstOrder : IComparer<Occurrence>
{
    public static readonly FirstOrder Instance = new();

    public int Compare(Occurrence? x, Occurrence? y)
    {
        var byTime = x!.At.CompareTo(y!.At);
        var byUser = Encoding.UTF8.GetBytes(x.User).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y.User));
        return byTime != 0 ? byTime : byUser != 0 ? byUser : string.CompareOrdinal(x.Id, y.Id);
    }
}
