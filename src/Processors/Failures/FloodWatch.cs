using Pipeline.Contracts;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors.Failures;

/// <summary>
/// Tells Ingest, by table <c>control.floods</c>, which tenants' batches become dead letters faster than their quota allows. Only what came in through
/// Ingest counts: turning a tenant's front ends away does not help against a back end that produces to the topic by itself.
/// </summary>
sealed class FloodWatch(DeadLetterQuota quota, FloodWriter floods, ProcessorMetrics metrics, TimeProvider clock, ILogger<FloodWatch> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    readonly HashSet<string> _known = [];

    public IReadOnlyList<Flood> Flooding => quota.Flooding();

    /// <summary>Counts a batch after it was committed.</summary>
    public void Count(EventBatch batch)
    {
        Dictionary<string, (long Records, long DeadLetters)>? tenants = null;
        foreach (var row in batch.Events)
            if (row.Header is not null)
                Add(ref tenants, row.Tenant, 1, 0);
        foreach (var row in batch.Conflicting)
            if (row.Header is not null)
                Add(ref tenants, row.Tenant, 0, 1);
        foreach (var letter in batch.DeadLetters)
            if (letter.Headers.Any(h => h.Key == Topics.IngestHeaderName))
                Add(ref tenants, letter.Tenant, 1, 1);
        foreach (var (tenant, (records, letters)) in tenants ?? [])
            quota.Count(tenant, records, letters);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Watch(this);
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var flooding = quota.Flooding();
            foreach (var flood in flooding.Where(f => !_known.Contains(f.Tenant)))
                log.Flood(flood.Tenant, flood.DeadLetters, flood.Records);
            _known.Clear();
            _known.UnionWith(flooding.Select(f => f.Tenant));
            try
            {
                foreach (var flood in flooding)
                    await floods.WriteAsync(flood.Tenant, flood.DeadLetters, flood.Records, flood.Until - clock.GetUtcNow(), stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Told at the next tick; without PostgreSQL nothing becomes a dead letter either.
                log.FloodNotTold(e.Message);
            }
        }
    }

    static void Add(ref Dictionary<string, (long Records, long DeadLetters)>? tenants, string tenant, long records, long letters)
    {
        ref var counts = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(tenants ??= new(StringComparer.Ordinal), tenant, out _);
        counts = (counts.Records + records, counts.DeadLetters + letters);
    }
}
