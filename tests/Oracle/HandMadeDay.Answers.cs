namespace Pipeline.Oracle;

/// <summary>
/// The figures of the day, by hand. Every sum names its terms in the order of the events; a rate stands as the fraction that it is.
/// What a record leaves out is its default: 0, or null where nothing enters.
/// </summary>
public static partial class HandMadeDay
{
    public static Figures AnnaInAlpha => new()
    {
        // Active: 0–17, 28–45, 225, 406–408 (407 between 406 and 408), 1083–1084: 18 + 18 + 1 + 3 + 2 = 42 slots.
        ActiveTimeS = 420,
        // Session: 0–225, 406–410, 1083–1084: 226 + 5 + 2 = 233 slots.
        SessionTimeS = 2330, Sessions = 3, IdleTimeS = 1910, IdleRatio = 1910m / 2330, ActiveUsers = 1,
        // create o1, update o1, save o1, create o2, delete o2, complete, update o1 (outlier), modify o4: 5000 + 3000 + 1000 + 0 + 1500 + 4000 + 250 of seven.
        TotalAnnotations = 8, TotalTime = 14_750, AvgAnnotationTime = 14_750m / 7,
        // o1, o2 and the one without an object. Created: o1, o2; deleted: o2.
        AnnotationsCompleted = 3, NetAnnotations = 1, AnnotationsPerHour = 3 * 3600m / 420,
        // 4000, 5000: p50 half way, p90 nine tenths of the way.
        TimePerObjectP50Ms = 4500, TimePerObjectP90Ms = 4900, TimePerObjectMeanMs = 4500,
        // The outlier failed. Saves: o1's, and the tool's that failed. One undo.
        SuccessRate = 7m / 8, SaveSuccessRate = 1m / 2, UndoRate = 1m / (1 + 8),
        // Saved: o1, updated at 10:07:40. Completed with a source: o1 (model, updated at 09:01), o2 (manual). Submitted: t1, modified.
        ReworkRate = 1, AssistRate = 1m / 2, AssistEditRate = 1, FirstPassRate = 0,
        Items = 1, ItemsPerHour = 3600m / 420, TimePerItemS = 420,
        LoadP50Ms = 2000, LoadP95Ms = 2000, FrameSwitchP50Ms = 800, FrameSwitchP95Ms = 800, SaveP50Ms = 400, SaveP95Ms = 400, FpsP5 = 60, FpsP50 = 60,
        Errors = 1, ErrorsPerHour = 3600m / 420, DurationOutliers = 1, Events = 19,
    };

    public static Figures BoInAlpha => new()
    {
        // Active: 1–2, 59–90, 1079–1101 (the longest gap, 79 to 87, is 80 s): 2 + 32 + 23 = 57 slots.
        ActiveTimeS = 570,
        // Session: 1–90, 1079–1101: 90 + 23 = 113 slots.
        SessionTimeS = 1130, Sessions = 2, IdleTimeS = 560, IdleRatio = 560m / 1130, ActiveUsers = 1,
        // complete o1, create o3, save o3 twice, create o4, save o4, delete o5, create o6 twice: 7000 + 8000 + 500 + 500 + 12000 + 0 + 20000 + 2000 + 3000.
        TotalAnnotations = 9, TotalTime = 53_000, AvgAnnotationTime = 53_000m / 9,
        // o3, o4, o6; o1 is anna's. Created: the same three; deleted: o5.
        AnnotationsCompleted = 3, NetAnnotations = 2, AnnotationsPerHour = 3 * 3600m / 570,
        // 3000, 7000, 8000, 12000: p50 at place 1.5, p90 at place 2.7.
        TimePerObjectP50Ms = 7500, TimePerObjectP90Ms = 10_800, TimePerObjectMeanMs = 7500,
        // Failed: the second save of o3, the first create of o6. Saves: two of o3, one of o4.
        SuccessRate = 7m / 9, SaveSuccessRate = 2m / 3, UndoRate = 0,
        // Saved: o3, o4 (modified by anna). With a source: o3 (manual), o4 (model, modified). Submitted: t2 (twice), t4.
        ReworkRate = 1m / 2, AssistRate = 1m / 2, AssistEditRate = 1, FirstPassRate = 1m / 2,
        // t2, t3, t4.
        Items = 3, ItemsPerHour = 3 * 3600m / 570, TimePerItemS = 190,
        LoadP50Ms = 3000, LoadP95Ms = 3000,
        Errors = 1, ErrorsPerHour = 3600m / 570, DurationOutliers = 1, Events = 19,
    };

    /// <summary>Both users in alpha: sums of the two above, and ratios of sums.</summary>
    public static Figures Alpha => new()
    {
        ActiveTimeS = 420 + 570, SessionTimeS = 2330 + 1130, Sessions = 3 + 2, IdleTimeS = 1910 + 560, IdleRatio = 2470m / 3460, ActiveUsers = 2,
        TotalAnnotations = 8 + 9, TotalTime = 14_750 + 53_000, AvgAnnotationTime = 67_750m / (7 + 9),
        AnnotationsCompleted = 3 + 3, NetAnnotations = 1 + 2, AnnotationsPerHour = 6 * 3600m / 990,
        // 3000, 4000, 5000, 7000, 8000, 12000: p50 at place 2.5, p90 at place 4.5.
        TimePerObjectP50Ms = 6000, TimePerObjectP90Ms = 10_000, TimePerObjectMeanMs = 6500,
        SuccessRate = 14m / 17, SaveSuccessRate = 3m / 5, UndoRate = 1m / (1 + 17),
        ReworkRate = 2m / 3, AssistRate = 2m / 4, AssistEditRate = 1, FirstPassRate = 1m / 3,
        Items = 1 + 3, ItemsPerHour = 4 * 3600m / 990, TimePerItemS = 990m / 4,
        // 2000, 3000: p95 at place 0.95.
        LoadP50Ms = 2500, LoadP95Ms = 2950, FrameSwitchP50Ms = 800, FrameSwitchP95Ms = 800, SaveP50Ms = 400, SaveP95Ms = 400, FpsP5 = 60, FpsP50 = 60,
        Errors = 2, ErrorsPerHour = 2 * 3600m / 990, DurationOutliers = 2, Events = 38,
    };

    public static Figures Beta => new()
    {
        // Anna's active: 17–18, 719–720: 4 slots; bo's: 1797–1800, 5399: 5 slots; 5400 starts on the next day.
        ActiveTimeS = 40 + 50,
        // Anna's session: 17–18, 719–721; bo's: 1797–1800, and 5399, where a session of the next day begins.
        SessionTimeS = 50 + 50, Sessions = 2 + 2, IdleTimeS = 10, IdleRatio = 10m / 100, ActiveUsers = 2,
        // create, save, update o1; create, save o2, complete o1: 6000 + 2000 + 0 + 1000 + 0 + 9000.
        TotalAnnotations = 6, TotalTime = 18_000, AvgAnnotationTime = 3000,
        // o1, o2. o2 is deleted on the next day.
        AnnotationsCompleted = 2, NetAnnotations = 2, AnnotationsPerHour = 2 * 3600m / 90,
        // 1000, 6000, 9000: p90 at place 1.8.
        TimePerObjectP50Ms = 6000, TimePerObjectP90Ms = 8400, TimePerObjectMeanMs = 16_000m / 3,
        SuccessRate = 1, SaveSuccessRate = 1, UndoRate = 0,
        // Saved: o1, o2 (deleted on the next day). With a source: o1 (model, updated), o2 (manual).
        ReworkRate = 1m / 2, AssistRate = 1m / 2, AssistEditRate = 1, FirstPassRate = null,
        Items = 0, ItemsPerHour = 0, TimePerItemS = null,
        FpsP5 = 30, FpsP50 = 30, Errors = 0, ErrorsPerHour = 0, DurationOutliers = 0, Events = 7,
    };

    /// <summary>In both projects, their slots united.</summary>
    public static Figures Anna => new()
    {
        // Beta's slot 18 bridges 17 and 28. Active: 0–45, 225, 406–408, 719–720, 1083–1084: 46 + 1 + 3 + 2 + 2 = 54 slots, and not 42 + 4.
        ActiveTimeS = 540,
        // Session: 0–225, 406–410, 719–721, 1083–1084: 226 + 5 + 3 + 2 = 236 slots.
        SessionTimeS = 2360, Sessions = 4, IdleTimeS = 1820, IdleRatio = 1820m / 2360, ActiveUsers = 1,
        // 14750 of seven in alpha, 6000 + 2000 + 0 in beta.
        TotalAnnotations = 11, TotalTime = 22_750, AvgAnnotationTime = 2275,
        AnnotationsCompleted = 4, NetAnnotations = 2, AnnotationsPerHour = 4 * 3600m / 540,
        // 4000, 5000, 6000: p90 at place 1.8.
        TimePerObjectP50Ms = 5000, TimePerObjectP90Ms = 5800, TimePerObjectMeanMs = 5000,
        SuccessRate = 10m / 11, SaveSuccessRate = 2m / 3, UndoRate = 1m / (1 + 11),
        // Saved: alpha's o1 (updated), beta's o1 (updated at the same instant, not after). With a source: alpha's o1 and beta's (model, both updated), alpha's o2.
        ReworkRate = 1m / 2, AssistRate = 2m / 3, AssistEditRate = 1, FirstPassRate = 0,
        Items = 1, ItemsPerHour = 3600m / 540, TimePerItemS = 540,
        LoadP50Ms = 2000, LoadP95Ms = 2000, FrameSwitchP50Ms = 800, FrameSwitchP95Ms = 800, SaveP50Ms = 400, SaveP95Ms = 400,
        // 30, 60: p5 at place 0.05.
        FpsP5 = 31.5m, FpsP50 = 45,
        Errors = 1, ErrorsPerHour = 3600m / 540, DurationOutliers = 1, Events = 23,
    };

    /// <summary>In both projects. The slots of the two are far apart: sums.</summary>
    public static Figures Bo => new()
    {
        ActiveTimeS = 570 + 50, SessionTimeS = 1130 + 50, Sessions = 2 + 2, IdleTimeS = 560, IdleRatio = 560m / 1180, ActiveUsers = 1,
        TotalAnnotations = 9 + 3, TotalTime = 53_000 + 10_000, AvgAnnotationTime = 5250,
        // Three in alpha; in beta o2, because o1 is anna's.
        AnnotationsCompleted = 3 + 1, NetAnnotations = 2 + 1, AnnotationsPerHour = 4 * 3600m / 620,
        // 1000, 3000, 7000, 8000, 9000, 12000: p50 at place 2.5, p90 at place 4.5.
        TimePerObjectP50Ms = 7500, TimePerObjectP90Ms = 10_500, TimePerObjectMeanMs = 40_000m / 6,
        SuccessRate = 10m / 12, SaveSuccessRate = 3m / 4, UndoRate = 0,
        // Saved: o3, o4 (modified), beta's o2 (deleted). With a source: o3 and beta's o2 (manual), o4 (model).
        ReworkRate = 2m / 3, AssistRate = 1m / 3, AssistEditRate = 1, FirstPassRate = 1m / 2,
        Items = 3, ItemsPerHour = 3 * 3600m / 620, TimePerItemS = 620m / 3,
        LoadP50Ms = 3000, LoadP95Ms = 3000,
        Errors = 1, ErrorsPerHour = 3600m / 620, DurationOutliers = 1, Events = 22,
    };

    /// <summary>Alpha by the tool <c>wand</c>: create and save of o4 by bo, its modify by anna. Without time.</summary>
    public static Figures AlphaByWand => WithoutTime with
    {
        TotalAnnotations = 3, TotalTime = 12_250, AvgAnnotationTime = 12_250m / 3, AnnotationsCompleted = 1, NetAnnotations = 1,
        TimePerObjectP50Ms = 12_000, TimePerObjectP90Ms = 12_000, TimePerObjectMeanMs = 12_000, SuccessRate = 1, SaveSuccessRate = 1, UndoRate = 0,
        ReworkRate = 1, AssistRate = 1, AssistEditRate = 1, Events = 3,
    };

    /// <summary>Alpha's polygons: anna's completion without an object, and the three events of o4. Without time.</summary>
    public static Figures AlphaPolygons => WithoutTime with
    {
        TotalAnnotations = 4, TotalTime = 16_250, AvgAnnotationTime = 16_250m / 4, AnnotationsCompleted = 2, NetAnnotations = 1,
        // 4000, 12000.
        TimePerObjectP50Ms = 8000, TimePerObjectP90Ms = 11_200, TimePerObjectMeanMs = 8000, SuccessRate = 1, SaveSuccessRate = 1, UndoRate = 0,
        ReworkRate = 1, AssistRate = 1, AssistEditRate = 1, Events = 4,
    };

    /// <summary>Beta by the tool <c>pen</c>, which only anna's batches name. Without time.</summary>
    public static Figures BetaByPen => WithoutTime with
    {
        TotalAnnotations = 3, TotalTime = 8000, AvgAnnotationTime = 8000m / 3, AnnotationsCompleted = 1, NetAnnotations = 1,
        TimePerObjectP50Ms = 6000, TimePerObjectP90Ms = 6000, TimePerObjectMeanMs = 6000, SuccessRate = 1, SaveSuccessRate = 1, UndoRate = 0,
        ReworkRate = 0, AssistRate = 1, AssistEditRate = 1, FpsP5 = 30, FpsP50 = 30, Events = 4,
    };

    static Figures WithoutTime => new() { ActiveTimeS = null, SessionTimeS = null, Sessions = null, IdleTimeS = null, IdleRatio = null, ActiveUsers = null };

    /// <summary>Alpha hour by hour from 09:00 to 13:00.</summary>
    public static IReadOnlyList<(string Start, long ActiveTimeS, long SessionTimeS, long Sessions, long AnnotationsCompleted, long Events)> HoursOfAlpha =>
    [
        // Slots 0–359. Anna: 18 + 18 + 1 active, 226 of the session; bo: 2 + 32 and 90. o1, o2, the one without an object; o3.
        ("2024-05-06T09:00:00Z", 710, 3160, 2, 4, 28),
        // Slots 360–719. Anna's second session.
        ("2024-05-06T10:00:00Z", 30, 50, 1, 0, 3),
        // Slots 720–1079. Bo's second session begins in its last slot, by an event of the next hour.
        ("2024-05-06T11:00:00Z", 10, 10, 1, 0, 0),
        // Slots 1080–1439. Bo: 1080–1101; anna: 1083–1084, her third session. o4, o6.
        ("2024-05-06T12:00:00Z", 240, 240, 1, 2, 7),
    ];

    public static IReadOnlyList<ProjectRow> ProjectsOfAnna =>
    [
        new("alpha", 8, 14_750, 14_750m / 7, Times.At(Times.Parse("2024-05-06T12:00:40Z"))),
        new("beta", 3, 8000, 8000m / 3, Times.At(Times.Parse("2024-05-06T11:00:00Z"))),
    ];

    public static IReadOnlyList<ProjectRow> ProjectsOfBo =>
    [
        new("alpha", 9, 53_000, 53_000m / 9, Times.At(Times.Parse("2024-05-06T12:03:30Z"))),
        new("beta", 3, 10_000, 10_000m / 3, Times.At(Times.Parse("2024-05-06T14:00:00Z"))),
    ];

    /// <summary>
    /// Alpha by receipt on the day. Deliveries of 500, 1,000 and 3,600,000 ms: p95 at place 1.9. Of five sessions anna's first and bo's first have a
    /// performance event.
    /// </summary>
    public static Quality QualityOfAlpha => new() { Received = 38, LateShare = 1m / 38, Skewed = 1, DeliveryP95Ms = 3_240_100, Outliers = 2, Coverage = 2m / 5 };

    /// <summary>
    /// Alpha by receipt from 12:00 to 12:15: anna's last event and bo's last six. One session begins then, anna's third; bo's second began at 11:59:50.
    /// </summary>
    public static Quality QualityOfAlphaAtNoon => new() { Received = 7, LateShare = 1m / 7, Skewed = 1, DeliveryP95Ms = 3_240_100, Outliers = 0, Coverage = 0 };
}
