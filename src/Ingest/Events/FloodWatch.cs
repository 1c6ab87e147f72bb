using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Events;

/// <summary>
/// Knows which tenants flood the dead letters. While PostgreSQL is away it keeps what it knew, and forgets each flood when its time is over:
/// neither does an outage open the door to a flood, nor does it shut a tenant out.
/// </summary>
sealed class FloodWatch(FloodReader reader, TimeProvider clock, ILogger<FloodWatch> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2), Patience = TimeSpan.FromSeconds(3);

    volatile Known _known = new([], 0);

    /// <summary>The floods that are not over yet.</summary>
    public IEnumerable<NotedFlood> Floods
    {
        get
        {
            var known = _known;
            var age = clock.GetElapsedTime(known.At);
            return known.Floods.Where(f => f.Remaining > age).Select(f => f with { Remaining = f.Remaining - age });
        }
    }

    /// <summary>This tenant's flood, or null.</summary>
    public NotedFlood? Of(string tenant) => _known.Floods.Count == 0 ? null : Floods.FirstOrDefault(f => f.Tenant == tenant);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        var failing = false;
        do
        {
            try
            {
                using var deadline = new CancellationTokenSource(Patience, clock);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, deadline.Token);
                // Before the question: a slow answer is older than it looks.
                var asked = clock.GetTimestamp();
                _known = new Known(await reader.ReadAsync(either.Token), asked);
                failing = false;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Once an outage: /health says the rest.
                if (!failing)
                    log.FloodsNotRead(e.Message);
                failing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    sealed record Known(IReadOnlyList<NotedFlood> Floods, long At);
}
