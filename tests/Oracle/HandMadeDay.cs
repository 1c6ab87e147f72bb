namespace Pipeline.Oracle;

/// <summary>
/// One day written by hand, with every figure worked out by hand in <c>HandMadeDay.Answers.cs</c>. Two users, anna and bo, work in two projects, alpha and beta.
/// Slots are numbered from 09:00:00 (slot 0) in steps of 10 s: 10:00:00 is slot 360, 11:00:00 slot 720, 12:00:00 slot 1080, 14:00:00 slot 1800, midnight slot 5400.
/// </summary>
public static partial class HandMadeDay
{
    /// <summary>The day by UTC. One event happens five seconds after it and reaches back into it.</summary>
    public static Window Day { get; } = Window.Of($"{Desk.Date}T00:00:00Z", "2024-05-07T00:00:00Z");

    static readonly Desk AnnaAtAlpha = new("anna", "alpha", tool: "brush");
    static readonly Desk AnnaAtBeta = new("anna", "beta", batchTool: "pen");
    static readonly Desk BoAtAlpha = new("bo", "alpha", tool: "brush");
    static readonly Desk BoAtBeta = new("bo", "beta");

    public static IReadOnlyList<TraceEvent> Events { get; } = [.. OfAnnaInAlpha(), .. OfAnnaInBeta(), .. OfBoInAlpha(), .. OfBoInBeta()];

    /// <summary>19 events.</summary>
    static IEnumerable<TraceEvent> OfAnnaInAlpha() =>
    [
        // A first stretch of work: slots 0–17.
        AnnaAtAlpha.Tool("09:00:05", "load", 2000), // 09:00:03–05: slot 0.
        AnnaAtAlpha.Task("09:00:10", "start", "t1"), // No duration: slot 1 alone.
        AnnaAtAlpha.Annotates("09:00:20", "create", 5000, on: "o1", source: "model"), // 09:00:15–20: slots 1, 2. o1's first completion: bo's is at the same instant, but "anna" < "bo".
        AnnaAtAlpha.Shows("09:00:30", fps: 60), // Slot 3, of the session alone.
        AnnaAtAlpha.Annotates("09:01:00", "update", 3000, on: "o1"), // 09:00:57–: slots 5, 6. Changes o1 after its completion, but before its first save.
        AnnaAtAlpha.Annotates("09:01:10", "save", 1000, on: "o1"), // 09:01:09–: slots 6, 7. o1's first save.
        AnnaAtAlpha.Annotates("09:02:50", "create", 0, on: "o2", source: "manual"), // Slot 17: exactly 100 s after slot 7, so slots 8–16 are active. No time per object: it took none.

        // A second one, in alpha alone a stretch of its own: slots 28–45.
        AnnaAtAlpha.Tool("09:04:40", "undo", 0), // Slot 28: 110 s after slot 17, so slots 18–27 are not active.
        AnnaAtAlpha.Annotates("09:05:00", "delete", 1500, on: "o2"), // 09:04:58.5–: slots 29, 30. o2 is gone again.
        AnnaAtAlpha.Tool("09:05:30", "save", 400, success: false), // 09:05:29.6–: slots 32, 33. Enters save_success_rate and save_p50_ms.
        AnnaAtAlpha.Tool("09:06:00", "frame_switch", 800), // 09:05:59.2–: slots 35, 36.
        AnnaAtAlpha.Fails("09:06:30"), // Slot 39, of the session alone.
        AnnaAtAlpha.Annotates("09:07:00", "complete", 4000, source: "manual", kind: "polygon"), // 09:06:56–: slots 41, 42. No object: a completion of its own, in no assist rate.
        AnnaAtAlpha.Task("09:07:30", "submit", "t1"), // Slot 45. t1's only submit.
        AnnaAtAlpha.Clicks("09:37:30"), // Slot 225: exactly 30 min after slot 45, so the session goes on; active alone.

        // A second session: slots 406–410.
        AnnaAtAlpha.Annotates("10:07:40", "update", 1_800_001, on: "o1", success: false), // Slot 406 alone: its duration is an outlier. 30 min 10 s after slot 225. Changes o1 after its save, failed or not.
        AnnaAtAlpha.Task("10:08:00", "modify", "t1"), // Slot 408. t1 did not pass at first.
        AnnaAtAlpha.Computes("10:08:20"), // Slot 410, of the session alone.

        // A third one: slots 1083, 1084.
        AnnaAtAlpha.Annotates("12:00:40", "modify", 250, on: "o4", kind: "polygon", with: "wand"), // 12:00:39.75–: slots 1083, 1084. Changes bo's o4 after its completion and its save.
    ];

    /// <summary>4 events.</summary>
    static IEnumerable<TraceEvent> OfAnnaInBeta() =>
    [
        AnnaAtBeta.Annotates("09:03:00", "create", 6000, on: "o1", source: "model", kind: "text"), // 09:02:54–: slots 17, 18. Beta's o1 is not alpha's. With alpha, slot 18 is 100 s from 28.
        AnnaAtBeta.Annotates("11:00:00", "save", 2000, on: "o1", kind: "text"), // 10:59:58–: slots 719, 720.
        AnnaAtBeta.Annotates("11:00:00", "update", 0, on: "o1", kind: "text"), // Slot 720. At the save's very instant: not after it; but after the completion.
        AnnaAtBeta.Shows("11:00:10", fps: 30), // Slot 721, of the session alone.
    ];

    /// <summary>19 events, one of them twice.</summary>
    static IEnumerable<TraceEvent> OfBoInAlpha()
    {
        var completesT3 = BoAtAlpha.Task("09:12:10", "complete", "t3");
        return
        [
            BoAtAlpha.Annotates("09:00:20", "complete", 7000, on: "o1", source: "manual"), // 09:00:13–: slots 1, 2. Counts for anna, but its duration is a time per object.

            // A stretch of work in the same session: slots 59–90.
            BoAtAlpha.Annotates("09:10:00", "create", 8000, on: "o3", source: "manual"), // 09:09:52–: slots 59, 60.
            BoAtAlpha.Annotates("09:10:30", "save", 500, on: "o3"), // 09:10:29.5–: slots 62, 63. Nobody changes o3 afterwards.
            BoAtAlpha.Annotates("09:11:00", "save", 500, on: "o3", success: false), // 09:10:59.5–: slots 65, 66.
            BoAtAlpha.Task("09:12:00", "submit", "t2", ms: 60_000), // 09:11:00–: slots 66–72.
            completesT3, // Slot 73. An item that is never submitted.
            completesT3, // The same bytes with the same id: counts for nothing.
            BoAtAlpha.Task("09:12:50", "modify", "t4"), // Slot 77. Before t4's submit: t4 passes all the same.
            BoAtAlpha.Task("09:13:00", "submit", "t2"), // Slot 78. The second submit of t2, which so did not pass at first.
            BoAtAlpha.Task("09:13:10", "submit", "t4"), // Slot 79.
            BoAtAlpha.Shows("09:14:00", fps: null), // Slot 84, of the session alone. The session has a performance event, if one without fps.
            BoAtAlpha.Shows("09:14:10", fps: 1_000_001), // Slot 85, of the session alone. Not a rate that a screen has.
            BoAtAlpha.Tool("09:14:30", "load", -5), // Slot 87 alone: an outlier.
            BoAtAlpha.Tool("09:15:00", "load", 3000), // 09:14:57–: slots 89, 90.

            // A second session: slots 1079–1101.
            BoAtAlpha.Annotates("13:00:10", "create", 12_000, on: "o4", source: "model", kind: "polygon", with: "wand")
                .Received("12:00:15", sent: "13:00:15"), // The sender's clock is an hour fast: 5 s old when sent, so it happened at 12:00:10. 11:59:58–: slots 1079–1081.
            BoAtAlpha.Annotates("12:00:30", "save", 0, on: "o4", kind: "polygon", with: "wand").Received("12:00:31", sent: "12:00:30.500"), // Slot 1083. Delivered in 500 ms.
            BoAtAlpha.Fails("12:01:00").Received("12:06:00.001"), // Slot 1086, of the session alone. Late by a millisecond.
            BoAtAlpha.Annotates("12:02:00", "delete", 20_000, on: "o5").Received("12:07:00"), // 12:01:40–: slots 1090–1092. Five minutes is not late. Nobody created o5: net −1.
            BoAtAlpha.Annotates("12:03:00", "create", 2000, on: "o6", success: false).Received("12:03:01", sent: "12:03:00"), // 12:02:58–: slots 1097, 1098. Completes nothing. Delivered in 1,000 ms.
            BoAtAlpha.Annotates("12:03:30", "create", 3000, on: "o6"), // 12:03:27–: slots 1100, 1101. Names no source: in no assist rate.
        ];
    }

    /// <summary>3 events on the day, one on the next.</summary>
    static IEnumerable<TraceEvent> OfBoInBeta() =>
    [
        BoAtBeta.Annotates("13:59:40", "create", 1000, on: "o2", source: "manual", kind: "text"), // 13:59:39–: slots 1797, 1798.
        BoAtBeta.Annotates("13:59:50", "save", 0, on: "o2", kind: "text"), // Slot 1799.
        BoAtBeta.Annotates("14:00:00", "complete", 9000, on: "o1", source: "imported", kind: "text"), // 13:59:51–: slots 1799, 1800. o1 was completed by anna.
        BoAtBeta.Annotates("2024-05-07T00:00:05", "delete", 10_000, on: "o2", kind: "text"), // 23:59:55–: slots 5399 and, of the next day, 5400. Reworks o2, which counts on the day of its save.
    ];
}
