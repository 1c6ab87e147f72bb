using Confluent.Kafka;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest.Events;

/// <summary>One event on its way to the broker: key and value of a Kafka message, and what its delivery report comes back with.</summary>
readonly record struct OutgoingEvent(BatchDelivery Delivery, int Index);

/// <summary>
/// Gives librdkafka the bytes of an event. The client copies what it is given before Produce returns but takes only whole arrays, so that
/// each thread keeps one array of every length it has met and fills it again: an event costs no allocation here.
/// </summary>
sealed class OutgoingEventSerializer : ISerializer<OutgoingEvent>
{
    [ThreadStatic] static ArrayByLength? _keys;
    [ThreadStatic] static ArrayByLength? _values;

    public byte[] Serialize(OutgoingEvent data, SerializationContext context)
    {
        var batch = data.Delivery.Batch;
        if (context.Component == MessageComponentType.Value)
            return (_values ??= new ArrayByLength()).Copy(batch.Bytes(data.Index));
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        JsonStrings.TryDecodeKey(batch[data.Index].UserId, batch.Body, scratch, out var userId);
        return (_keys ??= new ArrayByLength()).Copy(userId);
    }
}

sealed class ArrayByLength
{
    /// <summary>Longer events are rare and get an array of their own. 2,048 lengths hold at most 2 MiB a thread.</summary>
    readonly byte[]?[] _arrays = new byte[]?[2048];

    public byte[] Copy(ReadOnlySpan<byte> bytes)
    {
        var array = bytes.Length < _arrays.Length ? _arrays[bytes.Length] ??= new byte[bytes.Length] : new byte[bytes.Length];
        bytes.CopyTo(array);
        return array;
    }
}
