using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Adds a batch's sums to table <c>activity</c>, in key order, so that a log's rows are always locked in one order.</summary>
static class ActivityStatement
{
    static readonly string[] Keys = ["tenant", "user_id", "project_id", "bucket", "log_id", "event_type", "tool", "annotation_type"];

    /// <summary>Added up.</summary>
    static readonly string[] Sums =
    [
        "events", "succeeded", "durations", "duration_us", "duration_outliers", "saves", "saves_succeeded", "undos", "timed_completions", "completion_us",
        "completed", "net", "sourced", "from_model", "from_model_changed", "objects_saved", "objects_reworked", "tasks_submitted", "tasks_first_pass", "items",
    ];

    /// <summary>Put one behind the other.</summary>
    static readonly string[] Histograms = ["completion_times", "load_times", "frame_switch_times", "save_times", "fps"];

    static readonly string Columns = string.Join(", ", [.. Keys, .. Sums, .. Histograms, "slots", "first_at", "last_at"]);

    static readonly short ColumnCount = (short)Columns.Split(',').Length;

    static readonly string Copy = $"COPY pg_temp.batch_activity ({Columns}) FROM STDIN (FORMAT binary)";

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_activity ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.activity WITH NO DATA";

    /// <summary>Reads the temporary table in the order in which it was filled.</summary>
    public static readonly string Upsert = $"""
        INSERT INTO activity ({Columns}) SELECT {Columns} FROM pg_temp.batch_activity
        ON CONFLICT ({string.Join(", ", Keys)}) DO UPDATE SET
            {string.Join(", ", Sums.Select(c => $"{c} = activity.{c} + excluded.{c}"))},
            {string.Join(", ", Histograms.Select(c => $"{c} = add_bins(activity.{c}, excluded.{c})"))},
            slots = activity.slots | excluded.slots, first_at = least(activity.first_at, excluded.first_at), last_at = greatest(activity.last_at, excluded.last_at)
        """;

    /// <returns>Whether there is anything to merge.</returns>
    public static async Task<bool> CopyAsync(NpgsqlConnection session, CopyBuffer buffer, int logId, ActivityBuckets buckets, CancellationToken stop)
    {
        var rows = buckets.InKeyOrder();
        if (rows.Count == 0)
            return false;
        await buffer.StartAsync(session, Copy, stop);
        foreach (var (key, sums) in rows)
        {
            buffer.Row(ColumnCount);
            Write(buffer, logId, key);
            Write(buffer, sums);
            await buffer.EndRowAsync(stop);
        }
        await buffer.CompleteAsync(stop);
        return true;
    }

    static void Write(CopyBuffer buffer, int logId, ActivityBuckets.Key key)
    {
        buffer.Text(key.Tenant);
        buffer.Text(key.UserId);
        buffer.Text(key.ProjectId);
        buffer.Time(key.BucketUs);
        buffer.Int(logId);
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
        buffer.Int((int)sums.Saves);
        buffer.Int((int)sums.SavesSucceeded);
        buffer.Int((int)sums.Undos);
        buffer.Int((int)sums.TimedCompletions);
        buffer.BigInt(sums.CompletionUs);
        buffer.Int((int)sums.Completed);
        buffer.Int((int)sums.Net);
        buffer.Int((int)sums.Sourced);
        buffer.Int((int)sums.FromModel);
        buffer.Int((int)sums.FromModelChanged);
        buffer.Int((int)sums.ObjectsSaved);
        buffer.Int((int)sums.ObjectsReworked);
        buffer.Int((int)sums.TasksSubmitted);
        buffer.Int((int)sums.TasksFirstPass);
        buffer.Int((int)sums.Items);
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
