using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Pipeline.Contracts.Events;

/// <summary>The fields of <c>data</c> that the contract knows. Others are kept in the bytes and not looked at here.</summary>
public enum DataField : sbyte
{
    Unknown = -1,
    Type, AnnotationType, Duration, Success, ObjectId, Source, Error, TaskId, AnnotationCount, Tool, Action, Element, Count,
    Fps, MemoryUsage, CpuUsage, RenderTime, NetworkLatency, LoadTime, Message, Severity, Fingerprint,
}

public static class DataFields
{
    public const int Count = 22;

    static readonly string[] Names =
    [
        "type", "annotationType", "duration", "success", "objectId", "source", "error", "taskId", "annotationCount", "tool", "action",
        "element", "count", "fps", "memory_usage", "cpu_usage", "render_time", "network_latency", "load_time", "message", "severity", "fingerprint",
    ];

    static readonly string[] Paths = [.. Names.Select(n => "data." + n)];
    static readonly byte[][] Utf8Names = [.. Names.Select(System.Text.Encoding.UTF8.GetBytes)];

    /// <summary>Fields by the length of their name, so that a look-up compares one to three candidates.</summary>
    static readonly DataField[][] ByLength =
        [.. Enumerable.Range(0, 17).Select(length => Enumerable.Range(0, Count).Where(i => Names[i].Length == length).Select(i => (DataField)i).ToArray())];

    public static string Name(this DataField field) => Names[(int)field];

    /// <summary>The field as verdicts name it, such as <c>data.duration</c>.</summary>
    public static string Path(this DataField field) => Paths[(int)field];

    public static DataField Parse(ReadOnlySpan<byte> name)
    {
        if (name.Length < ByLength.Length)
            foreach (var field in ByLength[name.Length])
                if (name.SequenceEqual(Utf8Names[(int)field]))
                    return field;
        return DataField.Unknown;
    }
}

/// <summary>A JSON token by its place in the body it was read from: no string is made until one is needed.</summary>
/// <param name="Start">First byte; inside the quotes for strings.</param>
/// <param name="Length">Bytes, escapes not undone.</param>
public readonly record struct Token(int Start, int Length, JsonTokenType Kind, bool Escaped)
{
    public bool Exists => Kind != JsonTokenType.None;

    public ReadOnlySpan<byte> Raw(ReadOnlySpan<byte> body) => body.Slice(Start, Length);
}

[InlineArray(DataFields.Count)]
public struct DataTokens
{
    Token _first;
}
