namespace Pipeline.Sinks.Metrics;

/// <summary>
/// The metrics of docs/metrics.md at one level and window, under their JSON names. Null where a figure is over nothing, and for all that has to do with time where a tool or an
/// annotation type was asked for.
/// </summary>
public record Figures
{
    const double UsPerMs = 1000, SecondsPerHour = 3600, LeastActiveSeconds = 60;

    public required long Events { get; init; }
    public required long TotalAnnotations { get; init; }
    public required double TotalTime { get; init; }
    public required double AvgAnnotationTime { get; init; }
    public required double? ActiveTimeS { get; init; }
    public required double? SessionTimeS { get; init; }
    public required double? IdleTimeS { get; init; }
    public required double? IdleRatio { get; init; }
    public required long? Sessions { get; init; }
    public required long? ActiveUsers { get; init; }
    public required long AnnotationsCompleted { get; init; }
    public required long NetAnnotations { get; init; }
    public required double? AnnotationsPerHour { get; init; }
    public required double? TimePerObjectP50Ms { get; init; }
    public required double? TimePerObjectP90Ms { get; init; }
    public required double? TimePerObjectMeanMs { get; init; }
    public required double? SuccessRate { get; init; }
    public required double? SaveSuccessRate { get; init; }
    public required double? ReworkRate { get; init; }
    public required double? UndoRate { get; init; }
    public required double? FirstPassRate { get; init; }
    public required double? AssistRate { get; init; }
    public required double? AssistEditRate { get; init; }
    public required long Items { get; init; }
    public required double? ItemsPerHour { get; init; }
    public required double? TimePerItemS { get; init; }
    public required double? LoadP50Ms { get; init; }
    public required double? LoadP95Ms { get; init; }
    public required double? FrameSwitchP50Ms { get; init; }
    public required double? FrameSwitchP95Ms { get; init; }
    public required double? SaveP50Ms { get; init; }
    public required double? SaveP95Ms { get; init; }
    public required double? FpsP5 { get; init; }
    public required double? FpsP50 { get; init; }
    public required long Errors { get; init; }
    public required double? ErrorsPerHour { get; init; }
    public required long DurationOutliers { get; init; }

    /// <param name="time">Null where time is not offered.</param>
    public static Figures Of(WorkSums work, TimeSums? time)
    {
        double? active = time?.ActiveSlots * ActiveTime.SlotSeconds, session = time?.SessionSlots * ActiveTime.SlotSeconds;
        return new Figures
        {
            Events = work.Events,
            TotalAnnotations = work.Annotations,
            TotalTime = work.AnnotationUs / UsPerMs,
            AvgAnnotationTime = Ratio(work.AnnotationUs / UsPerMs, work.AnnotationDurations) ?? 0,
            ActiveTimeS = active,
            SessionTimeS = session,
            IdleTimeS = session - active,
            IdleRatio = session is { } present ? Ratio(present - active!.Value, present) ?? 0 : null,
            Sessions = time?.Sessions,
            ActiveUsers = time?.ActiveUsers,
            AnnotationsCompleted = work.Completed,
            NetAnnotations = work.Net,
            AnnotationsPerHour = PerHour(work.Completed, active),
            TimePerObjectP50Ms = Ms(work.CompletionTimes, 0.5),
            TimePerObjectP90Ms = Ms(work.CompletionTimes, 0.9),
            TimePerObjectMeanMs = Ratio(work.CompletionUs / UsPerMs, work.TimedCompletions),
            SuccessRate = Ratio(work.AnnotationsSucceeded, work.Annotations),
            SaveSuccessRate = Ratio(work.SavesSucceeded, work.Saves),
            ReworkRate = Ratio(work.ObjectsReworked, work.ObjectsSaved),
            UndoRate = Ratio(work.Undos, work.Undos + work.Annotations),
            FirstPassRate = Ratio(work.TasksFirstPass, work.TasksSubmitted),
            AssistRate = Ratio(work.FromModel, work.Sourced),
            AssistEditRate = Ratio(work.FromModelChanged, work.FromModel),
            Items = work.Items,
            ItemsPerHour = PerHour(work.Items, active),
            TimePerItemS = active is { } s ? Ratio(s, work.Items) : null,
            LoadP50Ms = Ms(work.LoadTimes, 0.5),
            LoadP95Ms = Ms(work.LoadTimes, 0.95),
            FrameSwitchP50Ms = Ms(work.FrameSwitchTimes, 0.5),
            FrameSwitchP95Ms = Ms(work.FrameSwitchTimes, 0.95),
            SaveP50Ms = Ms(work.SaveTimes, 0.5),
            SaveP95Ms = Ms(work.SaveTimes, 0.95),
            FpsP5 = work.Fps.Percentile(0.05) / 1e6,
            FpsP50 = work.Fps.Percentile(0.5) / 1e6,
            Errors = work.Errors,
            ErrorsPerHour = PerHour(work.Errors, active),
            DurationOutliers = work.DurationOutliers,
        };
    }

    static double? Ms(LogLinearHistogram us, double p) => us.Percentile(p) / UsPerMs;

    static double? Ratio(double part, double whole) => whole == 0 ? null : part / whole;

    static double? PerHour(long count, double? activeSeconds) => activeSeconds >= LeastActiveSeconds ? count / (activeSeconds / SecondsPerHour) : null;
}
