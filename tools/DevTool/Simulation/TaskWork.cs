using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

/// <summary>A day of one user: what was left open, what came back, reviews, and new tasks until the day is over.</summary>
sealed class TaskWork(Desk desk)
{
    readonly ObjectWork _objects = new(desk);
    readonly Surroundings _around = new(desk);

    EventText _text = null!;

    Annotator User => desk.User;

    public void Day()
    {
        _around.Look();
        while (!desk.IsOver)
        {
            if (User.Open is { } open)
                GoOn(open);
            else if (User.Returned.TryPeek(out var returned) && returned.ReadyAtMs < desk.NowMs)
                Rework(User.Returned.Dequeue());
            else if (User.IsReviewer && ToReview() is { } submitted)
                Review(submitted);
            else
                Start();
        }
    }

    void Start()
    {
        var project = User.Projects.Length > 1 && desk.Chance.Is(0.3) ? desk.Chance.Pick(User.Projects) : User.Projects[0];
        var wanted = desk.Chance.Geometric(project.ObjectsPerTask);
        var task = new WorkItem(User, project, desk.Chance.Below(project.Workbenches.Length), ++User.Tasks, wanted);
        desk.TurnTo(task, project);
        task.StartedAtMs = desk.NowMs;
        Status(task, "start"u8, 0);
        if (desk.IsOver)
        {
            // Nobody heard of it: tomorrow it starts again.
            User.Tasks--;
            return;
        }
        Take(task);
        if (desk.Chance.Is(0.03))
            Skip(task);
    }

    void Skip(WorkItem task)
    {
        Begin(task, "skip"u8, desk.Duration(8000)).Text("reason"u8, desk.Chance.Pick(Texts.SkipReasons));
        End();
        Leave(task);
    }

    void GoOn(WorkItem task)
    {
        if (task.IsPaused)
        {
            Status(task, "resume"u8, 0);
            (task.IsPaused, task.IsRunning) = (desk.IsOver, !desk.IsOver);
            _around.Load(task);
        }
        if (task.IsRework)
        {
            Correct(task);
            return;
        }
        while (!desk.IsOver && task.Objects < task.Wanted)
        {
            _objects.Annotate(task);
            _around.Maybe(task);
        }
        if (desk.IsOver)
            return;
        if (!task.IsCompleted)
        {
            Finish(task, "complete"u8);
            task.IsCompleted = !desk.IsOver;
        }
        Submit(task);
    }

    void Submit(WorkItem task)
    {
        Finish(task, "submit"u8);
        if (desk.IsOver)
            return;
        Leave(task);
        task.ReadyAtMs = desk.NowMs;
        // Something was forgotten and is seen at once.
        if (desk.Chance.Is(0.04 * desk.Slowness))
            User.Returned.Enqueue(task);
        else
            task.Project.Submit(task);
    }

    void Rework(WorkItem task)
    {
        desk.TurnTo(task, task.Project);
        task.IsRework = true;
        Status(task, "modify"u8, desk.Duration(3000));
        if (desk.IsOver)
        {
            User.Returned.Enqueue(task);
            return;
        }
        Take(task);
        Correct(task);
    }

    void Correct(WorkItem task)
    {
        for (var more = desk.Chance.Geometric(1 + (0.3 * task.Objects)); more > 0 && task.Objects > 0 && !desk.IsOver; more--)
        {
            _objects.Change(task, desk.Chance.Below(task.Objects), "modify"u8);
            _around.Maybe(task);
        }
        _objects.Save();
        if (!desk.IsOver)
            Submit(task);
    }

    /// <summary>A task of somebody else in a project of this reviewer.</summary>
    WorkItem? ToReview()
    {
        if (desk.Chance.Is(0.3))
            return null;
        foreach (var project in User.Projects)
            if (project.Take(task => task.Owner != User && task.ReadyAtMs < desk.NowMs) is { } task)
                return task;
        return null;
    }

    void Review(WorkItem task)
    {
        desk.TurnTo(task, task.Project);
        _around.Load(task);
        for (var looks = desk.Chance.Geometric(3); looks > 0; looks--)
            _around.Look();
        if (task.Objects > 0 && desk.Chance.Is(0.25))
            _objects.Change(task, desk.Chance.Below(task.Objects), "update"u8);
        var isGood = desk.Chance.Is(0.55 + (0.43 * task.Owner.Proficiency));
        Begin(task, isGood ? "mark_valid"u8 : "mark_invalid"u8, desk.Duration(6000)).Truth("success"u8, true);
        End();
        if (desk.IsOver)
            // Nobody heard of the verdict.
            task.Project.Submit(task);
        else if (!isGood)
        {
            task.ReadyAtMs = desk.NowMs;
            task.Owner.Returned.Enqueue(task);
        }
        desk.TurnTo(null, task.Project);
    }

    void Take(WorkItem task)
    {
        (User.Open, task.IsRunning) = (task, true);
        _around.Load(task);
    }

    void Leave(WorkItem task)
    {
        if (desk.IsOver)
            return;
        (User.Open, task.IsRunning) = (null, false);
        desk.TurnTo(null, task.Project);
    }

    void Finish(WorkItem task, ReadOnlySpan<byte> type)
    {
        var isDone = !desk.Chance.Is(0.01);
        var text = Begin(task, type, desk.Duration(1500)).Truth("success"u8, isDone).Number("annotationCount"u8, task.Objects).Number("elapsed_ms"u8, Math.Max(0, desk.NowMs - task.StartedAtMs));
        if (!isDone)
            text.Text("error"u8, "the server answered late; sent again"u8);
        End();
    }

    void Status(WorkItem task, ReadOnlySpan<byte> type, double durationMs)
    {
        Begin(task, type, durationMs);
        End();
    }

    EventText Begin(WorkItem task, ReadOnlySpan<byte> type, double durationMs) =>
        _text = desk.Begin(EventType.TaskStatus, durationMs).Text("type"u8, type).Text("taskId"u8, "sim-task-"u8, task.Owner.Number + 1, task.Number).Number("duration"u8, durationMs);

    void End() => desk.End(_text);
}
