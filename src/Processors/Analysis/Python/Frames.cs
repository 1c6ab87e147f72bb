using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Processors.Analysis.Python;

enum FrameType : ushort
{
    Hello = 1,
    Refused = 2,
    Fork = 3,
    Forked = 4,
    Exited = 5,
    Call = 6,
    Result = 7,
    Failure = 8,
    Discover = 9,
}

/// <summary>The first 16 bytes of a frame, see docs/decisions/0008-python-workers.md. Lengths are checked before anything is made room for.</summary>
readonly record struct FrameHead(FrameType Type, int HeaderBytes, int PayloadBytes)
{
    public const int Bytes = 16, HeaderBytesMax = 16 * 1024 * 1024, PayloadBytesMax = 64 * 1024;
    public const ushort Version = 1;

    static ReadOnlySpan<byte> Magic => "PLPY"u8;

    public int Total => Bytes + HeaderBytes + PayloadBytes;

    public static FrameHead Read(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(Magic))
            throw new FrameException($"a frame begins with {Convert.ToHexString(bytes[..4])}");
        if (BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) is var version && version != Version)
            throw new FrameException($"protocol version {version}; this host speaks {Version}");
        var type = (FrameType)BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        var (header, payload) = (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]));
        if (!Enum.IsDefined(type) || header > HeaderBytesMax || payload > PayloadBytesMax)
            throw new FrameException($"a frame of type {(int)type} announces {header} + {payload} bytes");
        return new FrameHead(type, (int)header, (int)payload);
    }

    public void Write(Span<byte> to)
    {
        Magic.CopyTo(to);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], (ushort)Type);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], PayloadBytes);
    }
}

/// <summary>What came is no frame of ours.</summary>
sealed class FrameException(string message) : Exception(message);

/// <summary>One frame after the other in the same memory.</summary>
sealed class FrameWriter
{
    readonly ArrayBufferWriter<byte> _frame = new(4096);
    readonly Utf8JsonWriter _json;
    FrameType _type;
    int _header;

    public FrameWriter() => _json = new Utf8JsonWriter(_frame, new JsonWriterOptions { SkipValidation = true });

    /// <summary>Begins a frame; its header is written to the answer, then <see cref="EndHeader"/> is called.</summary>
    public Utf8JsonWriter Begin(FrameType type)
    {
        _frame.ResetWrittenCount();
        _frame.Advance(FrameHead.Bytes);
        _type = type;
        _json.Reset();
        _json.WriteStartObject();
        return _json;
    }

    public void EndHeader()
    {
        _json.WriteEndObject();
        _json.Flush();
        _header = _frame.WrittenCount - FrameHead.Bytes;
    }

    public Span<byte> Payload(int bytes)
    {
        var span = _frame.GetSpan(bytes)[..bytes];
        _frame.Advance(bytes);
        return span;
    }

    public ReadOnlyMemory<byte> End()
    {
        var frame = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_frame.WrittenMemory);
        var head = new FrameHead(_type, _header, frame.Length - FrameHead.Bytes - _header);
        if (head.HeaderBytes > FrameHead.HeaderBytesMax)
            throw new FrameException($"a header of {head.HeaderBytes} bytes; at most {FrameHead.HeaderBytesMax} are allowed");
        head.Write(frame.Span);
        return frame;
    }
}

/// <summary>Header of a frame that a worker or the zygote sends; each type uses its own fields.</summary>
sealed record Reply
{
    public long Call { get; init; }

    public JsonElement Result { get; init; }

    public ReplyArray[]? Arrays { get; init; }

    public bool Shared { get; init; }

    public long ElapsedUs { get; init; }

    public long Resident { get; init; }

    /// <summary>Why the worker asks to be replaced.</summary>
    public string? Retire { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }

    public string? Path { get; init; }

    public string? Trace { get; init; }

    public string? Digest { get; init; }

    public AlgorithmDescription[]? Algorithms { get; init; }
}

sealed record ReplyArray(int[] Shape, long At);

/// <summary>What the zygote tells of a worker. <c>Code</c> or <c>Signal</c>: how it ended.</summary>
sealed record ZygoteNews(int Worker, int? Code, int? Signal, string? Output);

/// <summary>The zygote's first words.</summary>
sealed record ZygoteHello(string Python, IReadOnlyDictionary<string, string> Libraries, IReadOnlyDictionary<string, string> Isolation);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Reply))]
[JsonSerializable(typeof(ZygoteNews))]
[JsonSerializable(typeof(ZygoteHello))]
sealed partial class FrameJson : JsonSerializerContext;
