using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"), through one small array per session. Npgsql's
/// importer does the same a value at a time, each an asynchronous call, which cost more than reading and checking the event.
/// </summary>
sealed class CopyBuffer
{
    /// <summary>Written out when a row ends beyond this.</summary>
    const int FlushBytes = 48 * 1024;

    /// <summary>2000-01-01, from which PostgreSQL counts microseconds.</summary>
    const long EpochUs = 946_684_800_000_000;

    static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, (byte)'\r', (byte)'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0];

    byte[] _bytes = new byte[64 * 1024];
    int _length;
    NpgsqlRawCopyStream? _stream;

    /// <param name="sql">A COPY … FROM STDIN (FORMAT binary) whose columns are those of the rows.</param>
    public async Task StartAsync(NpgsqlConnection session, string sql, CancellationToken stop)
    {
        _length = 0;
        Signature.CopyTo(Take(Signature.Length));
        _stream = await session.BeginRawBinaryCopyAsync(sql, stop);
    }

    /// <summary>To be awaited after each row.</summary>
    public ValueTask EndRowAsync(CancellationToken stop) => _length < FlushBytes ? ValueTask.CompletedTask : WriteAsync(stop);

    /// <summary>Ends the COPY: its rows are in the transaction.</summary>
    public async Task CompleteAsync(CancellationToken stop)
    {
        // The file trailer: a row of -1 columns.
        Row(-1);
        await WriteAsync(stop);
        await _stream!.DisposeAsync();
        _stream = null;
        // One event of half a megabyte must not be remembered for ever.
        if (_bytes.Length > 4 * FlushBytes)
            _bytes = new byte[64 * 1024];
    }

    /// <summary>Puts everything gathered on its way to the server.</summary>
    public async Task FlushAsync(CancellationToken stop)
    {
        await WriteAsync(stop);
        await _stream!.FlushAsync(stop);
    }

    async ValueTask WriteAsync(CancellationToken stop)
    {
        await _stream!.WriteAsync(_bytes.AsMemory(0, _length), stop);
        _length = 0;
    }

    public void Row(short columns) => BinaryPrimitives.WriteInt16BigEndian(Take(2), columns);

    public void Null() => BinaryPrimitives.WriteInt32BigEndian(Take(4), -1);

    public void SmallInt(short value) => BinaryPrimitives.WriteInt16BigEndian(Value(2), value);

    public void Int(int value) => BinaryPrimitives.WriteInt32BigEndian(Value(4), value);

    public void BigInt(long value) => BinaryPrimitives.WriteInt64BigEndian(Value(8), value);

    /// <summary>A timestamptz from unix microseconds.</summary>
    public void Time(long unixUs) => BigInt(unixUs - EpochUs);

    public void Uuid(Guid value) => value.TryWriteBytes(Value(16), bigEndian: true, out _);

    /// <summary>A bit(270): its length in bits, then the bits.</summary>
    public void Bits(in Metrics.SlotBits value)
    {
        BinaryPrimitives.WriteInt32BigEndian(Take(4), 4 + Metrics.SlotBits.Bytes);
        BinaryPrimitives.WriteInt32BigEndian(Take(4), Metrics.SlotBits.Count);
        value.Write(Take(Metrics.SlotBits.Bytes));
    }

    /// <summary>Begins a value of a composite type: its fields follow, each behind its type's number (<see cref="Field"/>).</summary>
    /// <returns>Where it begins, for <see cref="EndComposite"/>.</returns>
    public int BeginComposite(int fields)
    {
        var start = _length;
        Take(4);
        BinaryPrimitives.WriteInt32BigEndian(Take(4), fields);
        return start;
    }

    /// <param name="type">The oid, as pg_type.dat has it: these never change.</param>
    public void Field(int type) => BinaryPrimitives.WriteInt32BigEndian(Take(4), type);

    public void EndComposite(int start) => BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(start), _length - start - 4);

    /// <summary>Null for 0.</summary>
    public void IntOrNull(long value)
    {
        if (value == 0)
            Null();
        else
            Int((int)value);
    }

    /// <summary>Null for 0.</summary>
    public void BigIntOrNull(long value)
    {
        if (value == 0)
            Null();
        else
            BigInt(value);
    }

    public void TimeOrNull(long? unixUs)
    {
        if (unixUs is { } us)
            Time(us);
        else
            Null();
    }

    public void Bytea(byte[]? value)
    {
        if (value is null)
            Null();
        else
            value.CopyTo(Value(value.Length));
    }

    public void Text(string? value)
    {
        if (value is null)
        {
            Null();
            return;
        }
        Reserve(4 + Encoding.UTF8.GetMaxByteCount(value.Length));
        var written = Encoding.UTF8.GetBytes(value, _bytes.AsSpan(_length + 4));
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_length), written);
        _length += 4 + written;
    }

    Span<byte> Value(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(Take(4), length);
        return Take(length);
    }

    Span<byte> Take(int length)
    {
        Reserve(length);
        _length += length;
        return _bytes.AsSpan(_length - length, length);
    }

    void Reserve(int length)
    {
        if (_bytes.Length - _length < length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + length));
    }
}
