using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Folds events into the rows of table <c>slots</c>: which 10-second slots of an hour were occupied. Bits are united, so that order and cutting never matter.</summary>
sealed class SlotBuckets
{
    public const long HourUs = 3600 * Rfc3339.MicrosecondsPerSecond;

    internal readonly record struct Key(string Tenant, string UserId, string ProjectId, long Hour);

    internal sealed class Bits
    {
        /// <summary>Slots of work: annotation, task_status, tool_efficiency and user_interaction events.</summary>
        public SlotBits Active;

        /// <summary>Slots of all events.</summary>
        public SlotBits Present;

        /// <summary>Slots of performance events.</summary>
        public SlotBits Performance;
    }

    readonly Dictionary<Key, Bits> _hours = [];

    public int Count => _hours.Count;

    public void Add(EventRow row)
    {
        var us = ActivityBuckets.TryDuration(row.DurationMs, out var duration) ? duration : 0;
        var last = SlotBits.SlotOf(row.OccurredAtUs);
        for (var slot = SlotBits.SlotOf(row.OccurredAtUs - us); slot <= last;)
        {
            var first = (int)(((slot % SlotBits.SlotsPerHour) + SlotBits.SlotsPerHour) % SlotBits.SlotsPerHour);
            var start = slot - first;
            Set(row, start / SlotBits.SlotsPerHour, first, (int)Math.Min(last - start, SlotBits.SlotsPerHour - 1));
            slot = start + SlotBits.SlotsPerHour;
        }
    }

    void Set(EventRow row, long hour, int first, int last)
    {
        var key = new Key(row.Tenant, row.UserId, row.ProjectId, hour);
        if (!_hours.TryGetValue(key, out var bits))
            _hours.Add(key, bits = new Bits());
        bits.Present.Set(first, last);
        if (row.Type is EventType.Annotation or EventType.TaskStatus or EventType.ToolEfficiency or EventType.UserInteraction)
            bits.Active.Set(first, last);
        else if (row.Type == EventType.Performance)
            bits.Performance.Set(first, last);
    }

    /// <summary>In the order of the table's key.</summary>
    public List<KeyValuePair<Key, Bits>> InKeyOrder()
    {
        var list = _hours.ToList();
        list.Sort((a, b) => Compare(a.Key, b.Key));
        return list;
    }

    static int Compare(Key a, Key b)
    {
        int c;
        return (c = string.CompareOrdinal(a.Tenant, b.Tenant)) != 0 ? c
            : (c = string.CompareOrdinal(a.UserId, b.UserId)) != 0 ? c
            : (c = string.CompareOrdinal(a.ProjectId, b.ProjectId)) != 0 ? c
            : a.Hour.CompareTo(b.Hour);
    }
}

/// <summary>Unites a batch's slots with table <c>slots</c>.</summary>
static class SlotStatement
{
    public const string MakeTable = "CREATE TEMPORARY TABLE batch_slots ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.slots WITH NO DATA";

    const string Copy = "COPY pg_temp.batch_slots (log_id, tenant, user_id, project_id, hour, active, present, performance) FROM STDIN (FORMAT binary)";

    /// <summary>Reads the temporary table in the order in which it was filled. An hour that gains no slot is not written again.</summary>
    public const string Upsert = """
        INSERT INTO slots (log_id, tenant, user_id, project_id, hour, active, present, performance)
        SELECT log_id, tenant, user_id, project_id, hour, active, present, performance FROM pg_temp.batch_slots
        ON CONFLICT (tenant, user_id, project_id, hour, log_id) DO UPDATE SET
            active = slots.active | excluded.active, present = slots.present | excluded.present, performance = slots.performance | excluded.performance
        WHERE (slots.active | excluded.active, slots.present | excluded.present, slots.performance | excluded.performance)
            IS DISTINCT FROM (slots.active, slots.present, slots.performance)
        """;

    public static async Task CopyAsync(NpgsqlConnection session, CopyBuffer buffer, Fence fence, List<EventRow> rows, CancellationToken stop)
    {
        var slots = new SlotBuckets();
        foreach (var row in rows)
            slots.Add(row);
        await buffer.StartAsync(session, Copy, stop);
        foreach (var (key, bits) in slots.InKeyOrder())
        {
            buffer.Row(8);
            buffer.Int(fence.LogId);
            buffer.Text(key.Tenant);
            buffer.Text(key.UserId);
            buffer.Text(key.ProjectId);
            buffer.Time(key.Hour * SlotBuckets.HourUs);
            buffer.Bits(bits.Active);
            buffer.Bits(bits.Present);
            buffer.Bits(bits.Performance);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }
}
