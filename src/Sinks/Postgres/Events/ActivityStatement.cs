using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// Adds a batch's sums to table <c>activity</c>. What this session wrote last it adds to, by way of a temporary table; all else is a new row, which goes in by plain COPY: looking
/// for each one whether it is there cost more than writing it. Readers add rows up, so that two of one key are as good as one.
/// </summary>
static class ActivityStatement
{
    static readonly string[] Keys = ["tenant", "user_id", "project_id", "bucket", "log_id", "since", "event_type", "tool", "annotation_type"];

    static readonly string[] Sums = ["events", "succeeded", "durations", "duration_us", "duration_outliers"];

    /// <summary>Null for nothing: most rows have none of most of them.</summary>
    static readonly string[] SumsOrNull =
    [
        "saves", "saves_succeeded", "undos", "timed_completions", "completion_us",
        "completed", "net", "sourced", "from_model", "from_model_changed", "objects_saved", "objects_reworked", "tasks_submitted", "tasks_first_pass", "items",
    ];

    /// <summary>Put one behind the other.</summary>
    static readonly string[] Histograms = ["completion_times", "load_times", "frame_switch_times", "save_times", "fps"];

    static readonly string Columns = string.Join(", ", [.. Keys, .. Sums, .. SumsOrNull, .. Histograms, "slots", "first_at", "last_at"]);

    static readonly short ColumnCount = (short)Columns.Split(',').Length;

    static readonly string CopyNew = $"COPY activity ({Columns}) FROM STDIN (FORMAT binary)";

    static readonly string CopyKnown = $"COPY pg_temp.batch_activity ({Columns}) FROM STDIN (FORMAT binary)";

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_activity ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.activity WITH NO DATA";

    static readonly string Update = $"""
        UPDATE activity a SET
            {string.Join(", ", Sums.Select(c => $"{c} = a.{c} + b.{c}"))},
            {string.Join(", ", SumsOrNull.Select(c => $"{c} = coalesce(a.{c} + b.{c}, a.{c}, b.{c})"))},
            {string.Join(", ", Histograms.Select(c => $"{c} = add_bins(a.{c}, b.{c})"))},
            slots = a.slots | b.slots, first_at = least(a.first_at, b.first_at), last_at = greatest(a.last_at, b.last_at)
        FROM pg_temp.batch_activity b WHERE {string.Join(" AND ", Keys.Select(c => $"a.{c} = b.{c}"))}
        """;

    /// <summary>As the log's owner, which remembers what it wrote.</summary>
    /// <param name="since">The batch's first offset.</param>
    /// <returns>The statement that is left to run; null for none.</returns>
    public static async Task<Merge?> WriteAsync(NpgsqlConnection session, CopyBuffer buffer, int logId, long since, ActivityBuckets buckets, RecentRows recent, CancellationToken stop)
    {
        List<(ActivityBuckets.Key Key, ActivityBuckets.Sums Sums, long? Since)> known = [], fresh = [];
        foreach (var (key, sums) in buckets.InKeyOrder())
            if (recent.Find(key) is { } begun)
                known.Add((key, sums, begun));
            else
            {
                recent.Note(key, since);
                fresh.Add((key, sums, since));
            }
        await CopyAsync(session, buffer, CopyNew, logId, fresh, stop);
        await CopyAsync(session, buffer, CopyKnown, logId, known, stop);
        return known.Count == 0 ? null : new Merge(new NpgsqlBatchCommand(Update), known.Count);
    }

    /// <summary>As an erasure: rows that no batch adds to.</summary>
    public static Task AppendAsync(NpgsqlConnection session, CopyBuffer buffer, int logId, ActivityBuckets buckets, CancellationToken stop) =>
        CopyAsync(session, buffer, CopyNew, logId, [.. buckets.InKeyOrder().Select(b => (b.Key, b.Value, (long?)null))], stop);

    static async Task CopyAsync(NpgsqlConnection session, CopyBuffer buffer, string copy, int logId, List<(ActivityBuckets.Key Key, ActivityBuckets.Sums Sums, long? Since)> rows,
        CancellationToken stop)
    {
        if (rows.Count == 0)
            return;
        await buffer.StartAsync(session, copy, stop);
        foreach (var (key, sums, since) in rows)
        {
            buffer.Row(ColumnCount);
            Write(buffer, logId, since, key);
            Write(buffer, sums);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
    }

    static void Write(CopyBuffer buffer, int logId, long? since, ActivityBuckets.Key key)
    {
        buffer.Text(key.Tenant);
        buffer.Text(key.UserId);
        buffer.Text(key.ProjectId);
        buffer.Time(key.BucketUs);
        buffer.Int(logId);
        if (since is { } offset)
            buffer.BigInt(offset);
        else
            buffer.Null();
        buffer.SmallInt((short)key.Type);
        buffer.Text(key.Tool);
        buffer.Text(key.AnnotationType);
    }

    static void Write(CopyBuffer buffer, ActivityBuckets.Sums sums)
    {
        buffer.BigInt(sums.Events);
        buffer.BigInt(sums.Succeeded);
        buffer.BigInt(sums.Durations);
        buffer.BigInt(sums.DurationUs);
        buffer.BigInt(sums.DurationOutliers);
        buffer.IntOrNull(sums.Saves);
        buffer.IntOrNull(sums.SavesSucceeded);
        buffer.IntOrNull(sums.Undos);
        buffer.IntOrNull(sums.TimedCompletions);
        buffer.BigIntOrNull(sums.CompletionUs);
        buffer.IntOrNull(sums.Completed);
        buffer.IntOrNull(sums.Net);
        buffer.IntOrNull(sums.Sourced);
        buffer.IntOrNull(sums.FromModel);
        buffer.IntOrNull(sums.FromModelChanged);
        buffer.IntOrNull(sums.ObjectsSaved);
        buffer.IntOrNull(sums.ObjectsReworked);
        buffer.IntOrNull(sums.TasksSubmitted);
        buffer.IntOrNull(sums.TasksFirstPass);
        buffer.IntOrNull(sums.Items);
        buffer.Bytea(sums.CompletionTimes.Entries());
        buffer.Bytea(sums.LoadTimes.Entries());
        buffer.Bytea(sums.FrameSwitchTimes.Entries());
        buffer.Bytea(sums.SaveTimes.Entries());
        buffer.Bytea(sums.Fps.Entries());
        buffer.Bits(sums.Slots);
        buffer.Time(sums.FirstUs);
        buffer.Time(sums.LastUs);
    }
}
