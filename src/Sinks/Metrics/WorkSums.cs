namespace Pipeline.Sinks.Metrics;

/// <summary>Everything of table <c>activity</c> at some level: what all metrics but those of time are made of. Adding is all there is to merging.</summary>
public sealed class WorkSums
{
    public long Events { get; set; }
    public long Annotations { get; set; }
    public long AnnotationsSucceeded { get; set; }
    public long AnnotationDurations { get; set; }
    public long AnnotationUs { get; set; }
    public long DurationOutliers { get; set; }
    public long Errors { get; set; }
    public long Saves { get; set; }
    public long SavesSucceeded { get; set; }
    public long Undos { get; set; }
    public long TimedCompletions { get; set; }
    public long CompletionUs { get; set; }
    public long Completed { get; set; }
    public long Net { get; set; }
    public long Sourced { get; set; }
    public long FromModel { get; set; }
    public long FromModelChanged { get; set; }
    public long ObjectsSaved { get; set; }
    public long ObjectsReworked { get; set; }
    public long TasksSubmitted { get; set; }
    public long TasksFirstPass { get; set; }
    public long Items { get; set; }

    /// <summary>µs.</summary>
    public LogLinearHistogram CompletionTimes { get; } = new();
    public LogLinearHistogram LoadTimes { get; } = new();
    public LogLinearHistogram FrameSwitchTimes { get; } = new();
    public LogLinearHistogram SaveTimes { get; } = new();

    /// <summary>Millionths.</summary>
    public LogLinearHistogram Fps { get; } = new();

    /// <summary>The latest annotation event.</summary>
    public DateTime? LastAnnotation { get; set; }

    public void Add(WorkSums other)
    {
        Events += other.Events;
        Annotations += other.Annotations;
        AnnotationsSucceeded += other.AnnotationsSucceeded;
        AnnotationDurations += other.AnnotationDurations;
        AnnotationUs += other.AnnotationUs;
        DurationOutliers += other.DurationOutliers;
        Errors += other.Errors;
        Saves += other.Saves;
        SavesSucceeded += other.SavesSucceeded;
        Undos += other.Undos;
        TimedCompletions += other.TimedCompletions;
        CompletionUs += other.CompletionUs;
        Completed += other.Completed;
        Net += other.Net;
        Sourced += other.Sourced;
        FromModel += other.FromModel;
        FromModelChanged += other.FromModelChanged;
        ObjectsSaved += other.ObjectsSaved;
        ObjectsReworked += other.ObjectsReworked;
        TasksSubmitted += other.TasksSubmitted;
        TasksFirstPass += other.TasksFirstPass;
        Items += other.Items;
        CompletionTimes.Add(other.CompletionTimes);
        LoadTimes.Add(other.LoadTimes);
        FrameSwitchTimes.Add(other.FrameSwitchTimes);
        SaveTimes.Add(other.SaveTimes);
        Fps.Add(other.Fps);
        if (other.LastAnnotation > LastAnnotation || LastAnnotation is null)
            LastAnnotation = other.LastAnnotation;
    }
}

/// <summary>Slots of 10 s, and what hangs on them.</summary>
public readonly record struct TimeSums(long ActiveSlots, long SessionSlots, long Sessions, long ActiveUsers)
{
    public static TimeSums operator +(TimeSums a, TimeSums b) =>
        new(a.ActiveSlots + b.ActiveSlots, a.SessionSlots + b.SessionSlots, a.Sessions + b.Sessions, a.ActiveUsers + b.ActiveUsers);
}
