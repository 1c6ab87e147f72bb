namespace Pipeline.Processors.Failures;

/// <summary>A tenant whose events become dead letters faster than its quota allows.</summary>
/// <param name="DeadLetters">Within the window, when it was last over its quota.</param>
/// <param name="Records">All its records of that window, dead letters among them.</param>
/// <param name="Until">One window after it was last over its quota.</param>
public sealed record Flood(string Tenant, long DeadLetters, long Records, DateTimeOffset Until);

/// <summary>
/// Counts each tenant's records and dead letters over a sliding window and says which tenants flood the dead letters. Needs a number and a share: few bad
/// events among few are no flood, and many among very many are none either. Says it only; records that are in the log are processed all the same.
/// Knows what this process has seen: with several, each counts the partitions it has.
/// </summary>
public sealed class DeadLetterQuota(DeadLetterQuotaOptions options, TimeProvider clock)
{
    /// <summary>The window moves on in steps of a twelfth: what is counted is between eleven and twelve twelfths of it old at most.</summary>
    const int Parts = 12;

    readonly Lock _sync = new();
    readonly Dictionary<string, Window> _tenants = new(StringComparer.Ordinal);
    readonly long _partTicks = Math.Max(1, options.Window.Ticks / Parts);

    /// <param name="records">Of one batch, dead letters among them.</param>
    public void Count(string tenant, long records, long deadLetters)
    {
        lock (_sync)
        {
            var now = Now;
            if (!_tenants.TryGetValue(tenant, out var window))
            {
                if (_tenants.Count >= options.TenantsMax)
                    _tenants.Remove(_tenants.MinBy(t => (IsFlooding(t.Value, now), t.Value.CountedAt)).Key);
                _tenants.Add(tenant, window = new Window());
            }
            window.Count(now, now / _partTicks, records, deadLetters);
            // Good records neither begin a flood nor draw it out.
            if (deadLetters > 0 && window.Sums() is var sums && sums.DeadLetters >= options.DeadLettersMin && sums.DeadLetters >= options.Ratio * sums.Records)
                window.Trip = (now, sums.Records, sums.DeadLetters);
        }
    }

    /// <returns>The tenants that are over their quota now or were within the last window.</returns>
    public IReadOnlyList<Flood> Flooding()
    {
        lock (_sync)
        {
            var (now, time) = (Now, clock.GetUtcNow());
            return [.. from t in _tenants
                       where IsFlooding(t.Value, now)
                       orderby t.Key
                       let trip = t.Value.Trip!.Value
                       select new Flood(t.Key, trip.DeadLetters, trip.Records, time + options.Window - TimeSpan.FromTicks(now - trip.At))];
        }
    }

    long Now => clock.GetElapsedTime(0).Ticks;

    bool IsFlooding(Window window, long now) => window.Trip is { } trip && now - trip.At < options.Window.Ticks;

    /// <summary>One tenant's counts, by part of the window.</summary>
    sealed class Window
    {
        readonly (long Records, long DeadLetters)[] _parts = new (long, long)[Parts];
        long _part;

        public long CountedAt { get; private set; }

        public (long At, long Records, long DeadLetters)? Trip { get; set; }

        public void Count(long now, long part, long records, long deadLetters)
        {
            // The parts that the window has moved over since are empty now.
            for (var p = Math.Max(_part + 1, part - Parts + 1); p <= part; p++)
                _parts[p % Parts] = default;
            (_part, CountedAt) = (part, now);
            ref var counts = ref _parts[part % Parts];
            counts = (counts.Records + records, counts.DeadLetters + deadLetters);
        }

        public (long Records, long DeadLetters) Sums()
        {
            (long Records, long DeadLetters) sums = default;
            foreach (var (records, deadLetters) in _parts)
                sums = (sums.Records + records, sums.DeadLetters + deadLetters);
            return sums;
        }
    }
}
