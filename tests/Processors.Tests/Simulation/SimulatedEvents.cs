using Confluent.Kafka;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What an offset of a simulated log holds.</summary>
enum Content { Marker, Valid, Respelled, Conflicting, WithoutId, Invalid, Refused, Throws, Lethal }

/// <param name="Message">Null where the offset holds no record.</param>
readonly record struct Entry(Content Content, int Number, Message<byte[], byte[]>? Message)
{
    public Guid Id => SimulatedEvents.Id(Number);
}

/// <summary>The events of all runs, made once: real JSON, read by the product's own parser. An event's number is its id.</summary>
static class SimulatedEvents
{
    public const int Count = 1024;

    const byte LethalMark = (byte)'\t', ThrowingMark = (byte)'\n';

    static readonly Message<byte[], byte[]>?[][] Messages = [.. Enum.GetValues<Content>().Select(c => Enumerable.Range(0, Count).Select(n => Make(c, n)).ToArray())];

    public static Entry Of(Content content, int number) => new(content, number, Messages[(int)content][number % Count]);

    public static Guid Id(int number) => new(number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

    public static bool IsLethal(byte[]? value) => value is [LethalMark, ..];

    public static bool Throws(byte[]? value) => value is [ThrowingMark, ..];

    static Message<byte[], byte[]>? Make(Content content, int number) => content == Content.Marker ? null : new Message<byte[], byte[]>
    {
        Key = "u"u8.ToArray(),
        Value = Value(content, number).Bytes(),
        Timestamp = new Timestamp(1_767_225_600_000, TimestampType.LogAppendTime),
    };

    static string Value(Content content, int number)
    {
        var id = content == Content.WithoutId ? "null" : $"\"{Id(number)}\"";
        var tool = content == Content.Refused ? "refused" : "brush";
        var duration = content == Content.Conflicting ? 7 : 5;
        var text = $$$"""{"event_id":{{{id}}},"event_type":"annotation","timestamp":"2025-12-31T12:00:00Z","user_id":"u{{{number % 3}}}","project_id":"p","tool":"{{{tool}}}","data":{"type":"create","annotationType":"box","duration":{{{duration}}},"success":true}}""";
        return content switch
        {
            Content.Respelled => " " + text,
            Content.Invalid => text[..^1],
            Content.Lethal => (char)LethalMark + text,
            Content.Throws => (char)ThrowingMark + text,
            _ => text,
        };
    }
}
