using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Contracts.Events;

/// <summary>
/// Ids of events that name none, and digests. A derived id is a UUID of version 8 (RFC 9562) over SHA-256, the same wherever and
/// whenever it is computed, so that a resent batch and a replayed offset are recognised.
/// </summary>
public static class EventIdentity
{
    public const int DigestBytes = 16;

    /// <summary>The first 16 bytes of SHA-256 over the event's own bytes.</summary>
    public static void Digest(ReadOnlySpan<byte> value, Span<byte> digest)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(value, hash);
        hash[..DigestBytes].CopyTo(digest);
    }

    /// <summary>The id of an event by its place in a batch: the same for the same batch id, position and bytes.</summary>
    public static Guid FromBatch(string batchId, int position, ReadOnlySpan<byte> value) => Derive(1, batchId, position, value);

    /// <summary>The id of a record that belongs to no batch, by its place in the log.</summary>
    public static Guid FromLog(string topicId, int partition, long offset)
    {
        Span<byte> at = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(at, offset);
        return Derive(2, topicId, partition, at);
    }

    static Guid Derive(byte kind, string name, int number, ReadOnlySpan<byte> value)
    {
        var nameBytes = Encoding.UTF8.GetBytes(name);
        Span<byte> prefix = stackalloc byte[9];
        prefix[0] = kind;
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], nameBytes.Length);
        BinaryPrimitives.WriteInt32BigEndian(prefix[5..], number);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(prefix);
        sha.AppendData(nameBytes);
        sha.AppendData(value);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        sha.GetHashAndReset(hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
