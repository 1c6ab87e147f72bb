using Microsoft.AspNetCore.Http.HttpResults;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <param name="Name">As in every answer of statistics.</param>
/// <param name="Formula">Of other figures and of events, null where the text says it all.</param>
/// <param name="Unit">s, ms, 1/h, ratio (0 to 1), fps, count.</param>
/// <param name="OverNothing">What it is where there is nothing to compute it from.</param>
/// <param name="NeedsTime">Not offered by tool or annotation type.</param>
public sealed record MetricDefinition(string Name, string Text, string? Formula, string Unit, double? OverNothing, bool NeedsTime = false);

/// <param name="Thresholds">Limits in force, under the name of the parameter that changes them or of the rule.</param>
/// <param name="Quality">Figures of how events came, by the time of receipt.</param>
public sealed record MetricDefinitions(IReadOnlyList<MetricDefinition> Metrics, IReadOnlyList<MetricDefinition> Quality, IReadOnlyDictionary<string, double> Thresholds)
{
    const string Count = "count", Ratio = "ratio", Ms = "ms", Seconds = "s", PerHour = "1/h", Fps = "fps";

    public const string Path = "/api/v1/metrics/definitions";

    /// <summary>docs/metrics.md in short; that page is to the letter.</summary>
    public static MetricDefinitions InForce { get; } = new(
    [
        new("events", "Events of every type, each id once.", null, Count, 0),
        new("total_annotations", "Annotation events.", null, Count, 0),
        new("total_time", "Sum of the durations of annotation events.", null, Ms, 0),
        new("avg_annotation_time", "Mean duration of annotation events.", "total_time / annotation events with a duration in range", Ms, 0),
        new("active_time_s", "10-second slots occupied by annotation, tool_efficiency, user_interaction and task_status events, from their begin to their end, and the slots between two neighbouring occupied ones at most gap_s apart.", "10 s × active slots that start in the window", Seconds, 0, true),
        new("session_time_s", "The same over all events, with session_gap_s.", "10 s × session slots that start in the window", Seconds, 0, true),
        new("idle_time_s", "Time in sessions without activity.", "session_time_s − active_time_s", Seconds, 0, true),
        new("idle_ratio", "Share of sessions without activity.", "idle_time_s / session_time_s", Ratio, 0, true),
        new("sessions", "Unbroken runs of session slots, counted where they start.", null, Count, 0, true),
        new("active_users", "Users with active time.", "users with active_time_s > 0", Count, 0, true),
        new("annotations_completed", "Successful annotation events of type create or complete; once per object where one is named, at its first.", null, Count, 0),
        new("net_annotations", "Objects created less objects deleted, by successful events; each object once, at its first.", "created − deleted", Count, 0),
        new("annotations_per_hour", "Annotations completed in an hour of activity.", "annotations_completed / (active_time_s / 3600)", PerHour, null, true),
        new("time_per_object_p50_ms", "Median duration of completions, where it is above 0.", "R-7", Ms, null),
        new("time_per_object_p90_ms", "90th percentile of the same.", "R-7", Ms, null),
        new("time_per_object_mean_ms", "Mean of the same.", "sum / count", Ms, null),
        new("success_rate", "Successful annotation events.", "successful / all annotation events", Ratio, null),
        new("save_success_rate", "Successful saves, by annotation and tool_efficiency events.", "successful / all saves", Ratio, null),
        new("rework_rate", "Objects changed (update, modify, delete; by anybody) after their first successful save.", "objects changed after it / objects saved", Ratio, null),
        new("undo_rate", "Undo against annotation events.", "undo / (undo + annotation events)", Ratio, null),
        new("first_pass_rate", "Tasks submitted exactly once and never modified after.", "such tasks / tasks submitted", Ratio, null),
        new("assist_rate", "Objects whose first completion came from the model.", "objects completed with source = model / objects completed that name a source", Ratio, null),
        new("assist_edit_rate", "Of those, objects changed afterwards.", "changed / objects completed with source = model", Ratio, null),
        new("items", "Tasks submitted or completed, once each, at the first of these.", null, Count, 0),
        new("items_per_hour", "Items in an hour of activity.", "items / (active_time_s / 3600)", PerHour, null, true),
        new("time_per_item_s", "Active time for an item.", "active_time_s / items", Seconds, null, true),
        new("load_p50_ms", "Median duration of tool_efficiency load.", "R-7", Ms, null),
        new("load_p95_ms", "95th percentile of the same.", "R-7", Ms, null),
        new("frame_switch_p50_ms", "Median duration of tool_efficiency frame_switch.", "R-7", Ms, null),
        new("frame_switch_p95_ms", "95th percentile of the same.", "R-7", Ms, null),
        new("save_p50_ms", "Median duration of tool_efficiency save.", "R-7", Ms, null),
        new("save_p95_ms", "95th percentile of the same.", "R-7", Ms, null),
        new("fps_p5", "5th percentile of frames per second in performance events.", "R-7", Fps, null),
        new("fps_p50", "Median of the same.", "R-7", Fps, null),
        new("errors", "Error events.", null, Count, 0),
        new("errors_per_hour", "Error events in an hour of activity.", "errors / (active_time_s / 3600)", PerHour, null, true),
        new("duration_outliers", "Events whose duration is out of range; they enter no sum, mean, percentile and slot by it.", null, Count, 0),
    ],
    [
        new("received", "Events stored.", null, Count, 0),
        new("late_share", "Events received more than late_s after they occurred.", "late / received", Ratio, null),
        new("skewed", "Events whose time was corrected by the sender's clock.", null, Count, 0),
        new("delivery_p95_ms", "95th percentile of |received − sent| of events whose batch says when it was sent.", "R-7", Ms, null),
        new("outliers", "Events whose duration is out of range.", null, Count, 0),
        new("duplicates", "Events that were stored before.", null, Count, 0),
        new("dead_letters", "Records that could not be stored, by reason; not by project, which was not read.", null, Count, 0),
        new("coverage", "Sessions with a performance event, of those that start in the window; they may run on beyond it.", "sessions with a performance event / sessions", Ratio, null, true),
        new("rejected", "Events that Ingest refused, by reason; not by project.", null, Count, 0),
        new("refused_batches", "Bodies that Ingest refused whole, by code; not by project.", null, Count, 0),
        new("client_dropped", "Events that clients say they gave up (metadata.dropped); not by project.", null, Count, 0),
    ],
    new Dictionary<string, double>
    {
        ["gap_s"] = MetricsQuery.GapSecondsDefault,
        ["gap_s_min"] = MetricsQuery.GapSecondsMin,
        ["gap_s_max"] = MetricsQuery.GapSecondsMax,
        ["session_gap_s"] = MetricsQuery.SessionGapSeconds,
        ["slot_s"] = 10,
        ["duration_ms_max"] = 30 * 60 * 1000,
        ["late_s"] = 300,
        ["clock_skew_tolerated_s"] = 5,
        ["percentile_relative_error_max"] = 0.01,
        ["active_s_min_for_rates_per_hour"] = 60,
    }.Concat(Analysis.Rule.All.Select(r => new KeyValuePair<string, double>(r.Name, r.Threshold))).ToDictionary());

    /// <summary>Definitions of these metrics.</summary>
    public static IReadOnlyList<MetricDefinition> Of(params IEnumerable<string> names) => [.. names.Select(name => InForce.Metrics.Single(m => m.Name == name))];

    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("metrics/definitions", Get).WithName("GetMetricDefinitions").WithSummary("What each metric means, its formula and unit, and the thresholds in force");

    static JsonHttpResult<MetricDefinitions> Get() => TypedResults.Json(InForce, BatchAnswer.Json);
}
