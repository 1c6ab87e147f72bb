using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

enum Source { Manual, Model, Imported }

/// <summary>The life of an object: drawn by hand or proposed by a model, corrected, undone, saved, completed, deleted.</summary>
sealed class ObjectWork(Desk desk)
{
    AnnotationKind _kind = null!;
    byte[] _instrument = [];

    ref Chance Chance => ref desk.Chance;

    public void Annotate(WorkItem task)
    {
        _kind = Chance.Pick(task.Kinds);
        _instrument = Chance.Pick(task.Workbench.Instruments);
        var number = task.FirstObject + task.Objects;
        // Models come into use while the run goes on.
        var source = Chance.Is(0.1 + (0.4 * desk.Progress)) ? Source.Model : Chance.Is(0.04) ? Source.Imported : Source.Manual;
        if (task.Workbench.HasFrames && Chance.Is(0.5))
            Tool("frame_switch"u8, desk.Duration(180 * (desk.IsBadDay ? 2.5 : 1) / desk.User.Machine, 0.6));
        if (source == Source.Model)
            Propose();
        else if (source == Source.Manual)
            Draw();
        if (!Create(task, number, source))
            return;
        task.Objects++;
        task.Owner.Objects = Math.Max(task.Owner.Objects, number + 1);
        Shape(task, number);
        if (Chance.Is(0.55))
            Annotation(task, number, "complete"u8, desk.Duration(900));
        Keep(task, number);
    }

    void Propose()
    {
        var duration = desk.Duration(1400 * (desk.IsBadDay ? 3 : 1), 0.6);
        Tool("model_run"u8, duration, !Chance.Is(0.02));
        if (Chance.Is(0.5))
            desk.End(desk.BeginNow(EventType.BackendComputation).Text("job"u8, "proposal"u8).Text("model"u8, Chance.Pick(Texts.Models)).Number("duration"u8, 0.8 * duration)
                .Number("queue_ms"u8, desk.Duration(40, 1)).Number("candidates"u8, Chance.Geometric(4)));
    }

    void Draw()
    {
        if (Chance.Is(0.15))
            Tool("activate"u8, desk.Duration(250));
        if (Chance.Is(0.25))
            Tool("hotkey"u8, desk.Duration(60));
        while (Chance.Is(0.06 * desk.Slowness))
        {
            Tool("draw_start"u8, 0);
            Tool("draw_cancel"u8, desk.Duration(1800 * desk.Slowness));
        }
        if (!Chance.Is(0.4))
            return;
        Tool("draw_start"u8, 0);
        Tool("draw_end"u8, desk.Duration(0.6 * _kind.MedianMs * desk.Slowness));
    }

    /// <returns>Whether the object is there.</returns>
    bool Create(WorkItem task, int number, Source source)
    {
        var effort = source == Source.Manual ? 1 : 0.35;
        if (Chance.Is(0.03))
            Annotation(task, number, "start"u8, 0);
        var fails = Chance.Is(0.02 * desk.Slowness);
        Annotation(task, number, "create"u8, desk.Duration(effort * _kind.MedianMs * desk.Slowness), !fails, source);
        return !fails && !desk.IsOver;
    }

    /// <summary>Corrections until it fits; the less practised need more of them and take more back.</summary>
    void Shape(WorkItem task, int number)
    {
        while (Chance.Is(0.3 * desk.Slowness))
            Annotation(task, number, "update"u8, desk.Duration(0.25 * _kind.MedianMs * desk.Slowness));
        while (Chance.Is(0.16 * desk.Slowness))
        {
            Tool("undo"u8, desk.Duration(90));
            if (Chance.Is(0.25))
                Tool("redo"u8, desk.Duration(90));
        }
    }

    /// <summary>Saves it, and now and then changes or deletes what was saved.</summary>
    void Keep(WorkItem task, int number)
    {
        if (Chance.Is(0.6))
            Annotation(task, number, "save"u8, desk.Duration(350), !Chance.Is(desk.IsBadDay ? 0.06 : 0.01));
        if (Chance.Is(0.15))
            Save();
        if (Chance.Is(0.1 * desk.Slowness))
            Annotation(task, number, "modify"u8, desk.Duration(0.3 * _kind.MedianMs * desk.Slowness));
        if (Chance.Is(0.03 * desk.Slowness))
            Annotation(task, number, "delete"u8, desk.Duration(300));
    }

    /// <summary>A change by whoever is at the desk to an object that may be another's.</summary>
    public void Change(WorkItem task, int place, ReadOnlySpan<byte> type)
    {
        _kind = task.Kinds[place % task.Kinds.Length];
        _instrument = task.Workbench.Instruments[place % task.Workbench.Instruments.Length];
        Annotation(task, task.FirstObject + place, type, desk.Duration(0.4 * _kind.MedianMs * desk.Slowness));
    }

    public void Save() =>
        Tool("save"u8, desk.Duration(420 * (desk.IsBadDay ? 4 : 1), 0.7), !Chance.Is(desk.IsBadDay ? 0.08 : 0.01));

    void Tool(ReadOnlySpan<byte> action, double durationMs, bool success = true) =>
        desk.End(desk.Begin(EventType.ToolEfficiency, durationMs).Text("tool"u8, _instrument).Text("action"u8, action)
            .Number("duration"u8, durationMs).Truth("success"u8, success));

    void Annotation(WorkItem task, int number, ReadOnlySpan<byte> type, double durationMs, bool success = true, Source? source = null)
    {
        // A page that was left open over lunch: the contract calls it an outlier.
        var told = Chance.Is(0.0005) ? Chance.Between(31, 150) * 60_000 : durationMs;
        var text = desk.Begin(EventType.Annotation, durationMs).Text("type"u8, type).Text("annotationType"u8, _kind.Name).Number("duration"u8, told).Truth("success"u8, success)
            .Text("objectId"u8, "sim-object-"u8, task.Owner.Number + 1, number);
        if (source is { } by)
            text.Text("source"u8, Texts.Sources[(int)by]);
        if (!success)
            text.Text("error"u8, Chance.Pick(Texts.Refusals));
        desk.End(text);
    }
}
