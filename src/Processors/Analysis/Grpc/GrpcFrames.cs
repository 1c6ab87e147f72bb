using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using Google.Protobuf;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>Length-prefixed messages: a byte that says whether it is compressed, four of length (big-endian), the message.</summary>
static class GrpcFrames
{
    public const int PrefixBytes = 5;

    /// <summary>Smaller messages do not shrink by more than compressing them takes.</summary>
    const int CompressedFrom = 1024;

    /// <summary>The whole first frame's bytes, or -1 while its prefix is incomplete. Refuses it by its prefix, before anything is kept for it.</summary>
    public static long Length(in ReadOnlySequence<byte> buffer, int bytesMax)
    {
        if (buffer.Length < PrefixBytes)
            return -1;
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        buffer.Slice(0, PrefixBytes).CopyTo(prefix);
        if (prefix[0] > 1)
            throw new GrpcException(GrpcStatus.Internal, "A message's first byte must be 0 or 1.");
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return length <= bytesMax ? PrefixBytes + length : throw TooLarge(bytesMax);
    }

    /// <param name="reserve">Told how much a message unpacks to, before it does; throws where that is too much at present.</param>
    public static T Read<T>(in ReadOnlySequence<byte> frame, MessageParser<T> parser, bool isGzip, int bytesMax, Action<long> reserve) where T : class, IMessage<T>
    {
        var message = frame.Slice(PrefixBytes);
        try
        {
            if (frame.FirstSpan[0] == 0)
                return parser.ParseFrom(message);
            if (!isGzip)
                throw new GrpcException(GrpcStatus.Internal, "A message is compressed, but grpc-encoding names no compression.");
            return parser.ParseFrom(Inflate(message, bytesMax, reserve).WrittenSpan);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            throw new GrpcException(GrpcStatus.Internal, e is InvalidDataException ? "A message cannot be decompressed." : "A message is no valid Protocol Buffers message of its type.");
        }
    }

    static ArrayBufferWriter<byte> Inflate(in ReadOnlySequence<byte> message, int bytesMax, Action<long> reserve)
    {
        using var gzip = new GZipStream(new MemoryStream(message.ToArray()), CompressionMode.Decompress);
        var plain = new ArrayBufferWriter<byte>();
        int n;
        while ((n = gzip.Read(plain.GetSpan(4096))) > 0)
        {
            plain.Advance(n);
            if (plain.WrittenCount > bytesMax)
                throw TooLarge(bytesMax);
            reserve(message.Length + plain.Capacity);
        }
        return plain;
    }

    public static void Write(IBufferWriter<byte> output, IMessage message, bool mayCompress)
    {
        var size = message.CalculateSize();
        if (mayCompress && size >= CompressedFrom)
        {
            var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
                message.WriteTo(gzip);
            WritePrefix(output, isCompressed: true, (int)packed.Length);
            output.Write(packed.GetBuffer().AsSpan(0, (int)packed.Length));
            return;
        }
        WritePrefix(output, isCompressed: false, size);
        message.WriteTo(output);
    }

    static void WritePrefix(IBufferWriter<byte> output, bool isCompressed, int length)
    {
        var prefix = output.GetSpan(PrefixBytes);
        prefix[0] = (byte)(isCompressed ? 1 : 0);
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], length);
        output.Advance(PrefixBytes);
    }

    static GrpcException TooLarge(int bytesMax) => new(GrpcStatus.ResourceExhausted, $"A message is larger than {bytesMax} bytes.");
}
