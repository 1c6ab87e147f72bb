using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"), gathered in one array and sent at once. Npgsql's
/// importer does the same a value at a time, each an asynchronous call, which cost more than reading and checking the event.
/// </summary>
sealed class CopyBuffer
{
    static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xFF, (byte)'\r', (byte)'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>2000-01-01, from which PostgreSQL counts microseconds.</summary>
    const long EpochUs = 946_684_800_000_000;

    byte[] _bytes = new byte[64 * 1024];
    int _length;

    public void Start()
    {
        _length = 0;
        Bytes(Signature);
    }

    public void Row(short columns) => BinaryPrimitives.WriteInt16BigEndian(Take(2), columns);

    public void Null() => BinaryPrimitives.WriteInt32BigEndian(Take(4), -1);

    public void SmallInt(short value) => BinaryPrimitives.WriteInt16BigEndian(Value(2), value);

    public void Int(int value) => BinaryPrimitives.WriteInt32BigEndian(Value(4), value);

    public void BigInt(long value) => BinaryPrimitives.WriteInt64BigEndian(Value(8), value);

    /// <summary>A timestamptz from unix microseconds.</summary>
    public void Time(long unixUs) => BigInt(unixUs - EpochUs);

    public void Uuid(Guid value) => value.TryWriteBytes(Value(16), bigEndian: true, out _);

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

    /// <summary>Sends what was gathered as one COPY.</summary>
    /// <param name="sql">A COPY … FROM STDIN (FORMAT binary) whose columns are those of the rows.</param>
    /// <param name="halfway">Called when half of the rows are with the server.</param>
    public async Task SendAsync(NpgsqlConnection session, string sql, Action? halfway, CancellationToken stop)
    {
        // The file trailer: a row of -1 columns.
        Row(-1);
        await using var stream = await session.BeginRawBinaryCopyAsync(sql, stop);
        var half = halfway is null ? 0 : _length / 2;
        if (halfway is not null)
        {
            await stream.WriteAsync(_bytes.AsMemory(0, half), stop);
            await stream.FlushAsync(stop);
            halfway();
        }
        await stream.WriteAsync(_bytes.AsMemory(half, _length - half), stop);
    }

    Span<byte> Value(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(Take(4), length);
        return Take(length);
    }

    void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

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
