using System.Diagnostics.Metrics;
using Pipeline.Contracts;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Hosting;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest;

/// <summary>Everything that Ingest counts.</summary>
sealed class IngestMetrics
{
    public const string MeterName = "Pipeline.Ingest";

    readonly Counter<long> _events;
    readonly Counter<long> _rejected;
    readonly Counter<long> _refused;
    readonly Histogram<double> _seconds;
    readonly IngestCounts _counts;

    public IngestMetrics(IMeterFactory meters, InFlightBytes budget, FloodWatch floods, IngestCounts counts)
    {
        _counts = counts;
        var meter = meters.Create(MeterName);
        _events = meter.CreateCounter<long>("pipeline_ingest_events", description: "Events received, by verdict: accepted, rejected (never valid) or retry (not acknowledged).");
        _rejected = meter.CreateCounter<long>("pipeline_ingest_rejected_events", description: "Events rejected, by reason.");
        _refused = meter.CreateCounter<long>("pipeline_ingest_refused_batches", description: "Bodies refused as a whole, by code; tenant_flood ones unread.");
        _seconds = meter.CreateHistogram<double>("pipeline_ingest_batch_seconds", "s", "From the request's first byte to the broker's last acknowledgement.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] });
        meter.CreateObservableGauge("pipeline_ingest_in_flight_bytes", () => budget.Bytes, "By", "Bytes of bodies being read or awaiting the broker.");
        meter.CreateObservableGauge("pipeline_ingest_in_flight_limit_bytes", () => budget.Max, "By", "Bytes in flight at which clients get 503.");
        meter.CreateObservableGauge("pipeline_ingest_flooding_tenants", () => floods.Floods.Count(), description: "Tenants whose batches are answered 429 because too many of their events become dead letters.");
    }

    public void Batch(EventBatch batch, TimeSpan elapsed)
    {
        int accepted = 0, retry = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            ref var slot = ref batch[i];
            if (slot.Verdict == Verdict.Rejected)
            {
                _rejected.Add(1, new KeyValuePair<string, object?>("reason", slot.Fault.Code));
                _counts.Add(Topics.DefaultTenant, IngestCount.Rejected, slot.Fault.Code, 1);
            }
            else if (slot.Verdict == Verdict.Accepted)
                accepted++;
            else
                retry++;
        }
        Add("accepted", accepted);
        Add("retry", retry);
        Add("rejected", batch.Count - accepted - retry);
        // A batch that comes again brings its number again.
        if (retry == 0)
            _counts.Add(Topics.DefaultTenant, IngestCount.ClientDropped, "", batch.ClientDropped);
        _seconds.Record(elapsed.TotalSeconds);
    }

    public void Refused(string code)
    {
        _refused.Add(1, new KeyValuePair<string, object?>("code", code));
        _counts.Add(Topics.DefaultTenant, IngestCount.Refused, code, 1);
    }

    void Add(string verdict, int count)
    {
        if (count > 0)
            _events.Add(count, new KeyValuePair<string, object?>("verdict", verdict));
    }
}
