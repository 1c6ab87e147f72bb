using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Events;

/// <summary>
/// Counts what was refused and what clients say they dropped, and adds it to the store every 10 s and at the stop: never in a request's way. What a crash
/// finds here is lost, and what was on its way while the connection broke may count twice; the answers that show the counts say so.
/// </summary>
sealed class IngestCounts(IngestCountWriter writer, TimeProvider clock, ILogger<IngestCounts> log) : BackgroundService
{
    /// <summary>A day of every reason; counts beyond are dropped and named in the log, because a store that is away must not cost the memory.</summary>
    public const int HeldMax = 10_000;

    static readonly TimeSpan Interval = TimeSpan.FromSeconds(10), Patience = TimeSpan.FromSeconds(3), Quarter = TimeSpan.FromMinutes(15);

    readonly Lock _sync = new();
    Dictionary<IngestCount, long> _counts = [];
    long _dropped;

    /// <summary>Counts that wait for the store, by bucket and reason.</summary>
    public int Held
    {
        get
        {
            lock (_sync)
                return _counts.Count;
        }
    }

    public void Add(string tenant, string kind, string reason, long n)
    {
        if (n == 0)
            return;
        var now = clock.GetUtcNow().UtcDateTime;
        var count = new IngestCount(tenant, now.AddTicks(-(now.Ticks % Quarter.Ticks)), kind, reason);
        lock (_sync)
            Add(count, n);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        var failing = false;
        while (true)
        {
            var stopping = false;
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
            }
            catch (OperationCanceledException)
            {
                // The web server has stopped before: nothing more is counted.
                stopping = true;
            }
            failing = !await FlushAsync(failing);
            if (stopping)
                return;
        }
    }

    /// <returns>Whether the store has all that was counted so far.</returns>
    internal async Task<bool> FlushAsync(bool failing = false)
    {
        Dictionary<IngestCount, long> counts;
        lock (_sync)
            (counts, _counts) = (_counts, []);
        if (counts.Count == 0)
            return true;
        try
        {
            using var deadline = new CancellationTokenSource(Patience, clock);
            await writer.AddAsync(counts, deadline.Token);
            return true;
        }
        catch (Exception e)
        {
            long dropped;
            lock (_sync)
            {
                foreach (var (count, n) in counts)
                    Add(count, n);
                dropped = _dropped;
            }
            // Once an outage: /health says the rest.
            if (!failing)
                log.CountsNotAdded(e.Message, dropped);
            return false;
        }
    }

    void Add(IngestCount count, long n)
    {
        if (_counts.Count >= HeldMax && !_counts.ContainsKey(count))
            _dropped += n;
        else
            _counts[count] = _counts.GetValueOrDefault(count) + n;
    }
}
