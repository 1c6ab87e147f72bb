using Confluent.Kafka;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Events;

/// <summary>
/// Writes each valid event as a point, at least once; a point written again overwrites itself. Offsets live in Kafka. Invalid events are
/// skipped and counted here, because events-postgres dead-letters them.
/// </summary>
sealed class EventsInfluxRoad(KafkaOptions kafka, TopicLogs logs, PointWriter points, Func<TopicPartition, CancellationToken, Task<long?>> committed, TimeProvider clock) : IRoad
{
    public string Name => Roles.EventsInflux;

    public IReadOnlyList<string> TopicNames { get; } = [.. kafka.Events.Select(t => t.Name)];

    public IPartitionRoad Open(TopicPartition partition) =>
        new InfluxPartition(this, points, partition, kafka.Events.First(t => t.Name == partition.Topic), clock);

    /// <summary>Where the group stopped, or the log's start where it never was. A place that is no longer in the log is named and counted: its points can come only from a replay.</summary>
    internal async Task<(string TopicId, long Offset)> PositionAsync(TopicPartition partition, CancellationToken stop)
    {
        var topicId = await logs.ReadIdAsync(partition.Topic);
        var extent = await logs.ReadExtentAsync(partition);
        var stored = await committed(partition, stop);
        if (stored is { } offset && (offset < extent.Start || offset > extent.End))
            points.PlaceLost(partition, offset, extent);
        return (topicId, stored is { } known && known >= extent.Start && known <= extent.End ? known : extent.Start);
    }
}

/// <summary>Stores the points of batches, and apart from them those that InfluxDB refuses.</summary>
sealed class PointWriter(InfluxWriter influx, DeadLetterWriter letters, ProcessorMetrics metrics, ILogger<PointWriter> log)
{
    const string Road = Roles.EventsInflux;

    /// <summary>
    /// Stores the lines from first to last. InfluxDB refuses a batch for one bad line and may have kept the others, so a refused stretch is
    /// halved until the bad line is alone; sending the others twice changes nothing.
    /// </summary>
    public async Task WriteAsync(LogPlace place, PointBatch points, int first, int last, CancellationToken stop)
    {
        if (first == last)
            return;
        try
        {
            await influx.WriteAsync(points.Lines(first, last), stop);
            metrics.Points(Road, last - first);
        }
        catch (InfluxRefusedException e)
        {
            if (last - first == 1)
            {
                await letters.WriteAsync(place, [points.Letter(first, e.Message)], stop);
                metrics.Refused(Road);
                return;
            }
            var middle = first + ((last - first) / 2);
            await WriteAsync(place, points, first, middle, stop);
            await WriteAsync(place, points, middle, last, stop);
        }
    }

    public void Skipped(EventFault fault) => metrics.Skipped(Road, fault);

    public void PlaceLost(TopicPartition partition, long offset, LogExtent extent)
    {
        metrics.PlaceLost(Road, Math.Max(0, extent.Start - offset));
        log.PlaceLost(Road, partition.ToString(), offset, extent.Start, extent.End);
    }
}

/// <summary>One partition on its way to InfluxDB.</summary>
sealed class InfluxPartition(EventsInfluxRoad road, PointWriter writer, TopicPartition partition, TopicOptions topic, TimeProvider clock) : IPartitionRoad
{
    LogPlace? _log;
    EventRecord? _record;
    readonly PointBatch _points = new();

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        var (topicId, offset) = await road.PositionAsync(partition, stop);
        _log = new LogPlace(road.Name, partition.Topic, topicId, partition.Partition.Value);
        _record = new EventRecord(topic, topicId, clock);
        return offset;
    }

    public async Task<long> ProcessAsync(RecordBatch records, CancellationToken stop)
    {
        _points.Clear();
        foreach (var record in records.Records)
        {
            var fault = _record!.Read(record);
            if (fault.Exists)
                writer.Skipped(fault);
            else
                _points.Add(record, _record);
        }
        await writer.WriteAsync(_log!, _points, 0, _points.Count, stop);
        return records.Next;
    }

    public Task ReleaseAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Lines of one batch and the records they were made of.</summary>
sealed class PointBatch
{
    readonly LineProtocol _lines = new();
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
        EventPoint.Write(_lines, read.Parsed, record.Message.Value, new EventPoint.Context(origin.EventId, tool, corrected));
        _lines.Raw("\n"u8);
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
