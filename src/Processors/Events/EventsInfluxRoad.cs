using Confluent.Kafka;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Events;

/// <summary>
/// Writes each valid event as a point, at least once; a point written again overwrites itself. Offsets live in Kafka. Invalid events are
/// skipped and counted here, because events-postgres dead-letters them.
/// </summary>
sealed class EventsInfluxRoad(KafkaOptions kafka, PointWriter points, EventsInfluxSettings settings) : IRoad
{
    public string Name => Roles.EventsInflux;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Events.Select(t => t.Name)];

    public IPartitionRoad Open(TopicPartition partition) =>
        new InfluxPartition(points, partition, kafka.Events.First(t => t.Name == partition.Topic), settings);
}

/// <summary>Stores the points of batches, and apart from them those that InfluxDB refuses.</summary>
sealed class PointWriter(InfluxWriter influx, DeadLetterWriter letters, Breakers breakers, ProcessorMetrics metrics, ILogger<PointWriter> log)
{
    const string Road = Roles.EventsInflux;

    /// <summary>
    /// Stores the lines from first to last. InfluxDB refuses a batch for one bad line and may have kept the others, so a refused stretch is
    /// halved until the bad line is alone; sending the others twice changes nothing.
    /// </summary>
    /// <param name="count">Told at once of what was refused for good and of each halving: what comes after it may fail.</param>
    public async Task WriteAsync(LogPlace place, PointBatch points, (int First, int Last) stretch, Action<PartitionCounts> count, CancellationToken stop)
    {
        var (first, last) = stretch;
        if (first == last)
            return;
        try
        {
            var expired = await breakers.Influx.RunAsync(s => influx.WriteAsync(points.Lines(first, last), s), stop);
            metrics.Points(Road, last - first - expired);
            metrics.Expired(Road, expired);
        }
        catch (InfluxRefusedException e)
        {
            if (last - first == 1)
            {
                await WriteLetterAsync(place, points.Letter(first, e.Message), stop);
                count(new PartitionCounts(DeadLetters: 1));
                return;
            }
            metrics.Halved(Road);
            count(new PartitionCounts(HalvedWrites: 1));
            var middle = first + ((last - first) / 2);
            await WriteAsync(place, points, (first, middle), count, stop);
            await WriteAsync(place, points, (middle, last), count, stop);
        }
    }

    public async Task WriteLetterAsync(LogPlace place, DeadLetter letter, CancellationToken stop)
    {
        await breakers.Postgres.RunAsync(s => letters.WriteAsync(place, [letter], s), stop);
        metrics.Refused(Road);
    }

    public void UntrustedHeaders(string topic, int count) => metrics.UntrustedHeaders(Road, topic, count);

    public void Skipped(EventFault fault) => metrics.Skipped(Road, fault);

    public void Erased() => metrics.Erased(Road);

    /// <summary>The points of what is gone from the log can come only from a replay.</summary>
    public void PlaceLost(TopicPartition partition, long offset, LogExtent extent)
    {
        metrics.PlaceLost(Road, Math.Max(0, extent.Start - offset));
        log.PlaceLost(Road, partition.ToString(), offset, extent.Start, extent.End);
    }
}

sealed record EventsInfluxSettings(CommittedPlace Place, KilledRecords Killed, RecordReading Reading, TimeProvider Clock)
{
    /// <summary>
    /// After a death: how long events-postgres of the same process may stand still while it goes ahead through what the log holds when it is acquired. Only events-postgres finds a
    /// record that ends processes; were it read here first each time, the process would die of it without end. Bounded, so that PostgreSQL does not hold InfluxDB.
    /// </summary>
    public TimeSpan PostgresPatience { get; init; }

    public required TombstoneReader Erasures { get; init; }

    /// <summary>Through which the store of tombstones is asked.</summary>
    public required Breaker Postgres { get; init; }
}

/// <summary>One partition on its way to InfluxDB.</summary>
sealed class InfluxPartition(PointWriter writer, TopicPartition partition, TopicOptions topic, EventsInfluxSettings settings) : IPartitionRoad
{
    LogPlace? _log;
    EventRecord? _record;
    IReadOnlySet<long> _killed = new HashSet<long>();
    readonly PointBatch _points = new();
    readonly Tombstones _tombstones = new();
    readonly List<(int Index, string Tenant, Guid EventId, DateTime LoggedAt)> _suspects = [];
    readonly HashSet<int> _erased = [];
    readonly List<DeadLetter> _letters = [];

    public PartitionCounts Counts { get; private set; } = PartitionCounts.None;

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        var (topicId, offset, end, lost) = await settings.Place.FindAsync(partition, stop);
        Counts += new PartitionCounts(LostOffsets: lost);
        _log = new LogPlace(Roles.EventsInflux, partition.Topic, topicId, partition.Partition.Value);
        _record = new EventRecord(topic, topicId, settings.Clock);
        if (settings.PostgresPatience > TimeSpan.Zero && (settings.Reading.IsSuspected(partition) || await settings.Killed.IsSuspectedAsync(_log, stop)))
            await settings.Killed.PassedAsync(_log, end, settings.PostgresPatience, settings.Clock, stop);
        _killed = await settings.Killed.ReadAsync(_log, offset, stop);
        return offset;
    }

    public async Task<long> ProcessAsync(RecordBatch records, CancellationToken stop)
    {
        // A write of points that were read before a tombstone came ends within its timeout: the erasure waits for that.
        await settings.Postgres.RunAsync(s => settings.Erasures.RefreshAsync(_tombstones, s), stop);
        await settings.Reading.TogetherAsync(_log!.ToString(), () => Read(records), stop);
        foreach (var stretch in await WithoutErasedAsync(stop))
            await writer.WriteAsync(_log!, _points, stretch, counts => Counts += counts, stop);
        foreach (var letter in _letters)
        {
            await writer.WriteLetterAsync(_log!, letter, stop);
            Counts += new PartitionCounts(DeadLetters: 1);
        }
        CountUntrusted(records);
        return records.Next;
    }

    /// <summary>At the end alone: a batch that failed comes again with the same headers.</summary>
    void CountUntrusted(RecordBatch records)
    {
        var untrusted = topic.TrustHeaders ? 0 : records.Records.Count(_record!.IgnoresHeaderOf);
        Counts += new PartitionCounts(UntrustedHeaders: untrusted);
        writer.UntrustedHeaders(topic.Name, untrusted);
    }

    int Read(RecordBatch records)
    {
        _points.Clear();
        _letters.Clear();
        _suspects.Clear();
        _erased.Clear();
        foreach (var record in records.Records)
            Read(record);
        return _points.Count;
    }

    /// <summary>Faults that events-postgres meets as well are its dead letters; what only the point meets becomes one here.</summary>
    void Read(ConsumeResult<byte[], byte[]> record)
    {
        if (_killed.Contains(record.Offset))
        {
            writer.Skipped(new EventFault(FaultReason.KilledProcessor));
            return;
        }
        var read = false;
        try
        {
            var fault = _record!.Read(record);
            read = true;
            if (fault.Exists)
                writer.Skipped(fault);
            else if (!_tombstones.Any)
                _points.Add(record, _record);
            else
                AddUnlessErased(record);
        }
        catch (Exception e)
        {
            settings.Reading.Threw(record.TopicPartitionOffset, e);
            if (read)
                _letters.Add(PostgresBatchBuilder.Letter(record, new EventFault(FaultReason.ProcessorFailed), _record!.Origin, e.ToString(), "sending", "fatal"));
            else
                writer.Skipped(new EventFault(FaultReason.ProcessorFailed));
        }
    }

    void AddUnlessErased(ConsumeResult<byte[], byte[]> record)
    {
        var value = record.Message.Value;
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        JsonStrings.TryDecodeKey(_record!.Parsed.UserId, value, scratch, out var user);
        var (origin, userId) = (_record.Origin, System.Text.Encoding.UTF8.GetString(user));
        if (_tombstones.Covers(origin.Tenant, userId, origin.ReceivedAtUs, origin.OccurredAtUs))
        {
            writer.Erased();
            return;
        }
        _points.Add(record, _record);
        if (_tombstones.Names(origin.Tenant, userId))
            _suspects.Add((_points.Count - 1, origin.Tenant, origin.EventId, DateTime.UnixEpoch.AddTicks(origin.LoggedAtUs * 10)));
    }

    /// <summary>Of a user who was erased, what came after the tombstone may be new, or a resend of what was erased.</summary>
    /// <returns>The stretches of points to be written.</returns>
    async Task<List<(int First, int Last)>> WithoutErasedAsync(CancellationToken stop)
    {
        var stretches = new List<(int, int)>();
        var from = 0;
        foreach (var tenant in _suspects.GroupBy(s => s.Tenant))
        {
            var erased = await settings.Postgres.RunAsync(s => settings.Erasures.ErasedAsync(tenant.Key, [.. tenant.Select(t => (t.EventId, t.LoggedAt))], s), stop);
            _erased.UnionWith(tenant.Where(t => erased.Contains(t.EventId)).Select(t => t.Index));
        }
        foreach (var index in _erased.Order())
        {
            writer.Erased();
            stretches.Add((from, index));
            from = index + 1;
        }
        stretches.Add((from, _points.Count));
        return stretches;
    }

    public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Lines of one batch and the records they were made of.</summary>
sealed class PointBatch
{
    readonly LineProtocol _lines = new();

    /// <summary>The line being made, so that one that fails halfway leaves nothing between the others.</summary>
    readonly LineProtocol _line = new();
    readonly List<(int End, ConsumeResult<byte[], byte[]> Record, EventOrigin Origin)> _points = [];

    public int Count => _points.Count;

    public void Clear()
    {
        _lines.Clear();
        _points.Clear();
    }

    public void Add(ConsumeResult<byte[], byte[]> record, EventRecord read)
    {
        var origin = read.Origin;
        var tool = origin.Tool is { } text ? System.Text.Encoding.UTF8.GetBytes(text) : default;
        long? corrected = origin.Corrected ? origin.OccurredAtUs - read.Parsed.TimestampUs : null;
        _line.Clear();
        EventPoint.Write(_line, read.Parsed, record.Message.Value, new EventPoint.Context(origin.EventId, tool, corrected));
        _line.Raw("\n"u8);
        _lines.Raw(_line.Bytes.Span);
        _points.Add((_lines.Length, record, origin));
    }

    public ReadOnlyMemory<byte> Lines(int first, int last)
    {
        var start = first == 0 ? 0 : _points[first - 1].End;
        return _lines.Bytes[start.._points[last - 1].End];
    }

    public DeadLetter Letter(int index, string message)
    {
        var (_, record, origin) = _points[index];
        return PostgresBatchBuilder.Letter(record, new EventFault(FaultReason.InfluxRefused), origin, message, stage: "sending");
    }
}
