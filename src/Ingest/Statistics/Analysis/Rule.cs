using Pipeline.Sinks.Metrics;

namespace Pipeline.Ingest.Statistics.Analysis;

/// <summary>A piece of advice and the one comparison that it hangs on.</summary>
/// <param name="Name">Under which its threshold stands among those in force.</param>
/// <param name="Above">Whether it fires above its threshold; else below.</param>
sealed record Rule(string Name, string Metric, bool Above, double Threshold, string Text)
{
    /// <summary>Every rule there is. None is a judgement of a person: each says what to look at.</summary>
    public static IReadOnlyList<Rule> All { get; } =
    [
        new("slow_load", "load_p95_ms", true, 3000, "One load in twenty takes long: look at the size of files and at the network."),
        new("slow_frame_switch", "frame_switch_p95_ms", true, 500, "Switching frames is slow at times: look at preloading and caching."),
        new("slow_save", "save_p95_ms", true, 2000, "Saving is slow at times: look at the server and at how much is saved at once."),
        new("low_fps", "fps_p5", false, 20, "The picture stutters at times: look at the graphics card and at the number of objects shown."),
        new("failed_saves", "save_success_rate", false, 0.98, "Saves fail: work may be lost, look at their errors first."),
        new("failed_annotations", "success_rate", false, 0.95, "Annotations fail: look at their errors and at the tool's checks."),
        new("many_errors", "errors_per_hour", true, 2, "The tool reports many errors: look at the most frequent message."),
        new("much_undo", "undo_rate", true, 0.25, "Much is undone: look at the tool's settings and at shortcuts that are hit by mistake."),
        new("much_rework", "rework_rate", true, 0.3, "Many objects change after they were saved: look at the guidelines they were made by."),
        new("tasks_returned", "first_pass_rate", false, 0.7, "Many tasks are submitted twice or modified after: look at what reviewers correct."),
        new("model_corrected", "assist_edit_rate", true, 0.5, "Most objects from the model are changed afterwards: drawing them anew may be quicker, or the model needs training."),
        new("long_idle", "idle_ratio", true, 0.5, "More than half of the sessions passes without activity: look at waiting times and at how tasks are handed out."),
    ];

    /// <summary>What is compared, in words of the answer.</summary>
    public string Formula => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Metric} {(Above ? '>' : '<')} {Threshold}");

    /// <returns>Whether it fires; a figure over nothing gives no advice.</returns>
    public AppliedRule Apply(Figures figures)
    {
        var column = MetricColumn.Find(Metric)!;
        var value = column.Of(figures);
        return new AppliedRule(Name, Metric, column.Definition.Unit, value, Threshold, Formula, Above ? value > Threshold : value < Threshold, Text);
    }
}

/// <param name="Value">Null where there is nothing to compute it from; the rule does not fire then.</param>
/// <param name="Threshold">The one in force.</param>
/// <param name="Formula">When it fires.</param>
public sealed record AppliedRule(string Name, string Metric, string Unit, double? Value, double Threshold, string Formula, bool Fires, string Text);
