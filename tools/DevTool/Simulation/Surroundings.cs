using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

/// <summary>What happens around the work: loading, looking and clicking, how the browser does, and what goes wrong.</summary>
sealed class Surroundings(Desk desk)
{
    /// <summary>When a release made loading faster, as a share of the run.</summary>
    const double ReleasedAt = 0.6;

    ref Chance Chance => ref desk.Chance;

    bool IsReleased => desk.Progress > ReleasedAt;

    /// <summary>An item comes onto the screen.</summary>
    public void Load(WorkItem task)
    {
        var median = task.Workbench.LoadMs * (IsReleased ? 0.65 : 1) * (desk.IsBadDay ? 2.2 : 1) / desk.User.Machine;
        var duration = desk.Duration(median, 0.7);
        desk.End(desk.Begin(EventType.ToolEfficiency, duration).Text("tool"u8, task.Workbench.Instruments[0]).Text("action"u8, "load"u8).Number("duration"u8, duration)
            .Truth("success"u8, !Chance.Is(0.005)));
        if (Chance.Is(0.3))
            desk.End(desk.BeginNow(EventType.Performance).Number("load_time"u8, duration).Number("network_latency"u8, Latency()));
    }

    /// <summary>A movement of the user that changes nothing.</summary>
    public void Look()
    {
        var duration = Chance.Is(0.5) ? desk.Duration(700, 0.8) : -1;
        var text = desk.Begin(EventType.UserInteraction, Math.Max(0, duration)).Text("action"u8, Chance.Pick(Texts.Interactions)).Text("element"u8, Chance.Pick(Texts.Elements));
        if (duration >= 0)
            text.Number("duration"u8, duration);
        if (Chance.Is(0.4))
            text.Number("count"u8, Chance.Geometric(3));
        desk.End(text);
    }

    /// <summary>What comes between one object and the next.</summary>
    public void Maybe(WorkItem task)
    {
        while (Chance.Is(0.4))
            Look();
        if (Chance.Is(0.22))
            Sample(task);
        if (Chance.Is(0.012 * (IsReleased ? 0.6 : 1) * (desk.IsBadDay ? 6 : 1)))
            Fail();
    }

    void Sample(WorkItem task)
    {
        var fps = Math.Clamp((task.Workbench.HasFrames ? 48 : 58) * desk.User.Machine * Chance.LogNormal(1, 0.15) * (desk.IsBadDay ? 0.9 : 1), 3, 60);
        var text = desk.BeginNow(EventType.Performance).Number("fps"u8, fps).Number("memory_usage"u8, Chance.LogNormal(task.Workbench.HasFrames ? 1400 : 520, 0.3));
        if (Chance.Is(0.8))
            text.Number("cpu_usage"u8, Math.Min(100, Chance.LogNormal(28, 0.5) / desk.User.Machine));
        else
            text.Null("cpu_usage"u8);
        desk.End(text.Number("render_time"u8, 1000 / fps * Chance.Between(0.4, 0.9)).Number("network_latency"u8, Latency()));
    }

    double Latency() => Chance.LogNormal(desk.IsBadDay ? 140 : 45, 0.5);

    void Fail()
    {
        var failure = Chance.Pick(Failure.All);
        desk.End(desk.BeginNow(EventType.Error).Text("type"u8, failure.Type).Text("message"u8, failure.Message).Text("severity"u8, failure.Severity).Text("fingerprint"u8, failure.Fingerprint),
            IsReleased ? """{"version":"2.5.0"}"""u8 : """{"version":"2.4.1"}"""u8);
    }
}
