namespace Pipeline.Sinks.Postgres.Days;

/// <summary>What figures are made of, by the names of table <c>activity_days</c>, and how rows of <c>activity</c> come to have it. In the order of <see cref="Metrics.WorkSums"/>.</summary>
static class WorkColumns
{
    static readonly string[] Histograms = ["completion_times", "load_times", "frame_switch_times", "save_times", "fps"];

    static readonly (string Name, string OfRow)[] Counts =
    [
        ("events", "events"), ("annotations", OfType(1, "events")), ("annotations_succeeded", OfType(1, "succeeded")), ("annotation_durations", OfType(1, "durations")),
        ("annotation_us", OfType(1, "duration_us")), ("duration_outliers", "duration_outliers"), ("errors", OfType(6, "events")),
        .. ((string[])["saves", "saves_succeeded", "undos", "timed_completions", "completion_us", "completed", "net", "sourced", "from_model", "from_model_changed", "objects_saved",
            "objects_reworked", "tasks_submitted", "tasks_first_pass", "items"]).Select(c => (c, c)),
    ];

    /// <summary>Columns of <c>activity_days</c>.</summary>
    public static readonly string Names = string.Join(", ", [.. Counts.Select(c => c.Name), .. Histograms, "last_annotation_at"]);

    /// <summary>The same, of a row of <c>activity</c>.</summary>
    public static readonly string OfActivity = string.Join(", ", [.. Counts.Select(c => $"{c.OfRow} AS {c.Name}"), .. Histograms, $"{OfType(1, "last_at")} AS last_annotation_at"]);

    /// <summary>Added up over either.</summary>
    public static readonly string Sums = string.Join(", ",
        [.. Counts.Select(c => $"coalesce(sum({c.Name}), 0)::bigint AS {c.Name}"), .. Histograms.Select(h => $"string_agg({h}, '') AS {h}"), "max(last_annotation_at) AS last_annotation_at"]);

    static string OfType(int type, string column) => $"CASE event_type WHEN {type} THEN {column} END";
}
