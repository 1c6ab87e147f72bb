using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation;

/// <summary>
/// A user at work: the clock that goes on with every event, through breaks and new sessions to the end of the day, and what every event of the
/// moment has in common. When the day is over, events that are still written are dropped, so that whoever writes them need not ask each time.
/// </summary>
sealed class Desk(SimulationOptions options, DayLog log)
{
    /// <summary>The mean of what the events' own durations come to where nothing presses.</summary>
    const double UsualDurationMs = 4000;

    /// <summary>A longer break ends the session.</summary>
    const long SessionBreakMs = 30 * 60_000;

    static readonly byte[][] TypeNames = [.. Enum.GetValues<EventType>().Select(t => t == EventType.None ? [] : Encoding.ASCII.GetBytes(t.Name()))];

    readonly List<Stretch> _stretches = [];
    byte[] _context = [];
    WorkItem? _task;
    Project _project = null!;
    int _stretch, _start, _written;
    long _now, _workedMs, _at;
    EventType _type;
    double _gapMs, _hurry;

    /// <summary>Not read-only: it is a struct that changes as it is drawn from.</summary>
    public Chance Chance;

    public Annotator User { get; private set; } = null!;

    public bool IsOver { get; private set; }

    /// <summary>0 at the beginning of the run, 1 at its end: what changes for everybody.</summary>
    public double Progress { get; private set; }

    /// <summary>Some days the servers are not well.</summary>
    public bool IsBadDay { get; private set; }

    public long NowMs => _now;

    /// <summary>A newcomer's durations are up to twice those of the best.</summary>
    public double Slowness => 1.9 - User.Proficiency;

    /// <returns>False on a free day.</returns>
    public bool Open(Annotator user, int day)
    {
        Schedule.Fill(_stretches, options, user.Number, user.Habits, day);
        if (_stretches.Count == 0)
            return false;
        Chance = Chance.Of(options.Seed, Purpose.Work, user.Number, day);
        log.Begin(user, day);
        (User, IsOver, _stretch, _written, _workedMs) = (user, false, 0, 0, 0);
        Progress = Math.Clamp(day / (double)options.Days, 0, 1);
        IsBadDay = Chance.Of(options.Seed, Purpose.Incident, day).Is(0.06);
        // The practised do a little more in an hour; on average it is the rate.
        _gapMs = 3_600_000 / (options.Rate * (1 + (0.3 * (user.Proficiency - 0.62))));
        _hurry = Math.Min(1, 0.5 * _gapMs / UsualDurationMs);
        _now = _at = _stretches[0].StartMs;
        user.Sessions++;
        user.DaysWorked++;
        TurnTo(user.Open, user.Open?.Project ?? user.Projects[0]);
        return true;
    }

    /// <summary>From here on events are of this task, or of none in this project.</summary>
    public void TurnTo(WorkItem? task, Project project)
    {
        (_task, _project) = (task, project);
        var tool = task?.Workbench ?? project.Workbenches[0];
        var taskField = task is null ? "" : $"\"task_id\":\"sim-task-{task.Owner.Number + 1}-{task.Number}\",";
        _context = Encoding.ASCII.GetBytes($"\",\"user_id\":\"{Encoding.ASCII.GetString(User.Id)}\",\"project_id\":\"{Encoding.ASCII.GetString(project.Name)}\",{taskField}"
            + $"\"session_id\":\"sim-session-{User.Number + 1}-{User.Sessions}\",\"tool\":\"{tool.Text}\",\"data\":{{");
    }

    /// <summary>A duration as it is where there is time for it; dense runs have shorter ones, so that work does not overlap.</summary>
    public double Duration(double medianMs, double sigma = 0.5) => Math.Round(_hurry * Chance.LogNormal(medianMs, sigma), 1);

    /// <summary>Lets the time pass that the next event takes, and begins to write it. <see cref="End"/> ends it.</summary>
    public EventText Begin(EventType type, double durationMs)
    {
        Pass(durationMs);
        return Write(type);
    }

    /// <summary>The same at this moment: what comes by itself and not from the user's hands.</summary>
    public EventText BeginNow(EventType type)
    {
        _now++;
        return Write(type);
    }

    EventText Write(EventType type)
    {
        (_type, _start) = (type, log.Text.Length);
        _at = Math.Max(_now, _at + 1);
        return log.Text.Begin(Chance.Next(), Chance.Next(), TypeNames[(int)type], _at + User.SkewMs, _context);
    }

    public void End(EventText text, ReadOnlySpan<byte> metadata = default)
    {
        text.End(metadata);
        if (IsOver || _at >= options.UntilMs)
        {
            log.Text.Cut(_start);
            return;
        }
        log.Add(_start, _type, _at);
        _written++;
    }

    /// <summary>
    /// The user thinks and acts. How long it is until the next event is chance, but its mean is what is missing to the rate: whatever the work consists of, an
    /// hour of it has about as many events as the options say.
    /// </summary>
    void Pass(double durationMs)
    {
        var due = (_written + 1) * _gapMs;
        var think = Chance.Exponential(Math.Clamp(due - _workedMs - durationMs, 0.2 * _gapMs, 2 * _gapMs));
        var step = (long)(think + durationMs) + 1;
        _now += step;
        _workedMs += step;
        while (!IsOver && _now >= _stretches[_stretch].EndMs)
            // What spans the break is done behind it.
            Rest(Math.Max(_now - _stretches[_stretch].EndMs, (long)durationMs + 1));
    }

    /// <summary>A break, or the end of the day.</summary>
    /// <param name="leftMs">What the user was about to do and does behind the break.</param>
    void Rest(long leftMs)
    {
        var end = _stretches[_stretch].EndMs;
        // Where events are rarer than breaks, few of them say so.
        var isSaid = _task is { IsRunning: true } && Chance.Is(3_600_000 / _gapMs / 30);
        if (isSaid)
            Say("pause"u8, end - 1, isPaused: true);
        if (++_stretch == _stretches.Count)
        {
            IsOver = true;
            return;
        }
        _now = _stretches[_stretch].StartMs;
        if (_now - end >= SessionBreakMs)
        {
            User.Sessions++;
            TurnTo(_task, _project);
        }
        if (isSaid)
            Say("resume"u8, _now, isPaused: false);
        _now += leftMs;
    }

    void Say(ReadOnlySpan<byte> type, long atMs, bool isPaused)
    {
        _now = atMs;
        (_task!.IsPaused, _task.IsRunning) = (isPaused, !isPaused);
        End(Write(EventType.TaskStatus).Text("type"u8, type).Text("taskId"u8, "sim-task-"u8, _task.Owner.Number + 1, _task.Number));
    }
}
