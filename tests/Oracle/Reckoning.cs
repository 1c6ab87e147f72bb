using static Pipeline.Oracle.Numbers;

namespace Pipeline.Oracle;

/// <summary>Works out the figures of one question for any window of it, table by table of docs/metrics.md.</summary>
public sealed class Reckoning
{
    const int ActiveSMin = 60;

    readonly IReadOnlyList<Occurrence> _all;
    readonly Stories _stories;
    readonly Question _question;
    readonly Lazy<UserTimes> _times;

    internal Reckoning(IReadOnlyList<Occurrence> all, Stories stories, Question question)
    {
        (_all, _stories, _question) = (all, stories, question);
        _times = new(() => new UserTimes(all.Where(question.HasPlaceOf), question.GapS));
    }

    public Figures In(Window window)
    {
        var events = EventsIn(window);
        var figures = _question.OffersTime ? TimeIn(window) : NoTime;
        return Rated(Experience(Once(Work(figures, events), events, window), events));
    }

    /// <summary>What each event counts in by itself, without the figures of time and of what counts once.</summary>
    internal Figures WorkIn(Window window) => Work(new Figures(), EventsIn(window));

    /// <summary>The window bucket by bucket, empty ones too. Where it is open, from the bucket of the first slot that an event occupies to that of the last.</summary>
    public IReadOnlyList<Bucket> Series(Window window, BucketSize size, TimeZoneInfo zone)
    {
        if (window is { From: null } or { To: null } && _times.Value.Span is null)
            return [];
        var span = window is { From: null } or { To: null } ? _times.Value.Span!.Value : default;
        var start = window.From ?? Times.At(span.First / Times.QuarterUs * Times.QuarterUs);
        var end = window.To ?? Times.At(((span.Last / Times.QuarterUs) + 1) * Times.QuarterUs);
        return [.. from bucket in Buckets.Touching(start, end, size, zone)
            let part = new Window(bucket.From, bucket.To)
            select new Bucket(bucket.Start, part, In(part))];
    }

    List<Occurrence> EventsIn(Window window) => [.. _all.Where(e => IsCounted(e, window))];

    static Figures NoTime { get; } =
        new() { ActiveTimeS = null, SessionTimeS = null, Sessions = null, IdleTimeS = null, IdleRatio = null, ActiveUsers = null };

    bool IsCounted(Occurrence? e, Window window) => e is not null && _question.Covers(e) && window.Holds(e.At);

    Figures TimeIn(Window window)
    {
        var (active, session) = (_times.Value.ActiveS(window), _times.Value.SessionS(window));
        return new Figures
        {
            ActiveTimeS = active, SessionTimeS = session, Sessions = _times.Value.Sessions(window),
            IdleTimeS = session - active, IdleRatio = Ratio(session - active, session) ?? 0, ActiveUsers = _times.Value.ActiveUsers(window),
        };
    }

    /// <summary>What each event counts in by itself.</summary>
    static Figures Work(Figures figures, List<Occurrence> events)
    {
        var annotations = events.Where(e => e.IsAnnotation).ToList();
        var saves = events.Where(e => e.Is("annotation", "save") || e.Is("tool_efficiency", "save")).ToList();
        var undos = events.Count(e => e.Is("tool_efficiency", "undo"));
        var timed = annotations.Where(e => e.DurationUs is not null).ToList();
        var perObject = events.Where(e => e.IsCompletion && e.DurationUs > 0).Select(e => Ms(e.DurationUs!.Value)).ToList();
        return figures with
        {
            TotalAnnotations = annotations.Count,
            TotalTime = timed.Sum(e => Ms(e.DurationUs!.Value)),
            AvgAnnotationTime = Ratio(timed.Sum(e => Ms(e.DurationUs!.Value)), timed.Count) ?? 0,
            TimePerObjectP50Ms = Percentile(perObject, 0.5m),
            TimePerObjectP90Ms = Percentile(perObject, 0.9m),
            TimePerObjectMeanMs = Ratio(perObject.Sum(), perObject.Count),
            SuccessRate = Ratio(annotations.Count(e => e.Succeeded), annotations.Count),
            SaveSuccessRate = Ratio(saves.Count(e => e.Succeeded), saves.Count),
            UndoRate = Ratio(undos, undos + annotations.Count),
        };
    }

    /// <summary>What counts once for an object or a task, where its first event is among those asked for.</summary>
    Figures Once(Figures figures, List<Occurrence> events, Window window)
    {
        bool Counts(Occurrence? first) => IsCounted(first, window);
        var loose = events.Where(e => e.IsAnnotation && e.ObjectId is null && e.Succeeded).ToList();
        var completed = _stories.Objects.Where(o => Counts(o.FirstCompletion)).ToList();
        var assisted = completed.Where(o => o.FirstCompletion!.Source == "model").ToList();
        var saved = _stories.Objects.Where(o => Counts(o.FirstSave)).ToList();
        var submitted = _stories.Tasks.Where(t => Counts(t.FirstSubmit)).ToList();
        var created = _stories.Objects.Count(o => Counts(o.FirstCreate)) + loose.Count(e => e.Action == "create");
        var deleted = _stories.Objects.Count(o => Counts(o.FirstDelete)) + loose.Count(e => e.Action == "delete");
        return figures with
        {
            AnnotationsCompleted = completed.Count + loose.Count(e => e.IsCompletion),
            NetAnnotations = created - deleted,
            ReworkRate = Ratio(saved.Count(o => o.HasChangeAfter(o.FirstSave!)), saved.Count),
            AssistRate = Ratio(assisted.Count, completed.Count(o => o.FirstCompletion!.Source is not null)),
            AssistEditRate = Ratio(assisted.Count(o => o.HasChangeAfter(o.FirstCompletion!)), assisted.Count),
            FirstPassRate = Ratio(submitted.Count(t => t.PassedAtFirst), submitted.Count),
            Items = _stories.Tasks.Count(t => Counts(t.FirstItem)),
        };
    }

    static Figures Experience(Figures figures, List<Occurrence> events)
    {
        List<decimal> Durations(string action) =>
            [.. events.Where(e => e.Is("tool_efficiency", action) && e.DurationUs is not null).Select(e => Ms(e.DurationUs!.Value))];
        var (loads, switches, saves) = (Durations("load"), Durations("frame_switch"), Durations("save"));
        var fps = events.Where(e => e.Fps is not null).Select(e => e.Fps!.Value).ToList();
        return figures with
        {
            LoadP50Ms = Percentile(loads, 0.5m), LoadP95Ms = Percentile(loads, 0.95m),
            FrameSwitchP50Ms = Percentile(switches, 0.5m), FrameSwitchP95Ms = Percentile(switches, 0.95m),
            SaveP50Ms = Percentile(saves, 0.5m), SaveP95Ms = Percentile(saves, 0.95m),
            FpsP5 = Percentile(fps, 0.05m), FpsP50 = Percentile(fps, 0.5m),
            Errors = events.Count(e => e.Type == "error"),
            DurationOutliers = events.Count(e => e.IsOutlier),
            Events = events.Count,
        };
    }

    /// <summary>What is divided by time, or divides it.</summary>
    static Figures Rated(Figures f) => f with
    {
        AnnotationsPerHour = PerHour(f.AnnotationsCompleted, f.ActiveTimeS),
        ItemsPerHour = PerHour(f.Items, f.ActiveTimeS),
        ErrorsPerHour = PerHour(f.Errors, f.ActiveTimeS),
        TimePerItemS = f.ActiveTimeS is { } active ? Ratio(active, f.Items) : null,
    };

    static decimal? PerHour(long count, long? activeS) => activeS >= ActiveSMin ? count * 3600m / activeS : null;
}
