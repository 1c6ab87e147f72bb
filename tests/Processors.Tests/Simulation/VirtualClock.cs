namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Time that passes only when told to. Timers fire in the order of their times, then of their making.</summary>
sealed class VirtualClock : TimeProvider
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    readonly PriorityQueue<VirtualTimer, (long Due, long Number)> _timers = new();
    long _now;
    long _number;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(_now);

    public TimeSpan Now => TimeSpan.FromTicks(_now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Calls back once, after this time.</summary>
    public ITimer After(TimeSpan time, Action action) => CreateTimer(static a => ((Action)a!)(), action, time, Timeout.InfiniteTimeSpan);

    /// <summary>Goes to the time of the next timer and fires it; false when there is none.</summary>
    public bool FireNext()
    {
        while (_timers.TryDequeue(out var timer, out var at))
        {
            if (timer.Number != at.Number)
                continue;
            _now = Math.Max(_now, at.Due);
            timer.Fire();
            return true;
        }
        return false;
    }

    sealed class VirtualTimer(VirtualClock clock, TimerCallback callback, object? state) : ITimer
    {
        /// <summary>Which entry of the queue counts; 0 when none does.</summary>
        public long Number { get; private set; }

        public void Fire()
        {
            Number = 0;
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
                throw new NotSupportedException("no timer of the product repeats");
            Number = dueTime < TimeSpan.Zero ? 0 : ++clock._number;
            if (Number > 0)
                clock._timers.Enqueue(this, (clock._now + dueTime.Ticks, Number));
            return true;
        }

        public void Dispose() => Number = 0;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
