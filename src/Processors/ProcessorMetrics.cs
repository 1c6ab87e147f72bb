using System.Diagnostics.Metrics;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Retention;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors;

/// <summary>Everything that the processors count.</summary>
sealed class ProcessorMetrics
{
    public const string MeterName = "Pipeline.Processors";

    readonly Counter<long> _offsets, _deadLetters, _batches, _points, _skipped, _lost, _halved, _refused, _failures, _breakerOpened, _acquisitions, _clientErrors, _untrustedHeaders;
    readonly System.Collections.Concurrent.ConcurrentBag<RoadHost> _roads = [];
    readonly Counter<long> _published, _handedOver, _returned, _deadlines, _rebuilds, _lettersReceived, _workRestarts;
    readonly Counter<long> _weeksDropped, _idsTrimmed, _tombstonesTrimmed;
    readonly Counter<long> _analyses, _requests, _answers;
    readonly Histogram<double> _delay, _analysisTime;
    readonly Meter _meter;
    volatile IReadOnlyDictionary<string, long> _queueMessages = new Dictionary<string, long>();
    long _outboxBacklog;

    public ProcessorMetrics(IMeterFactory meters, TimeProvider clock)
    {
        var meter = _meter = meters.Create(MeterName);
        _offsets = meter.CreateCounter<long>("pipeline_process_offsets", description: "Offsets passed by events-postgres, by outcome: stored, duplicate, dead_lettered, dropped (erased by a user's wish), absent.");
        _deadLetters = meter.CreateCounter<long>("pipeline_process_dead_letters", description: "Records dead-lettered, by reason.");
        _batches = meter.CreateCounter<long>("pipeline_process_batches", description: "Transactions committed.");
        _points = meter.CreateCounter<long>("pipeline_write_points", description: "Points that InfluxDB acknowledged, repeats included.");
        _skipped = meter.CreateCounter<long>("pipeline_write_skipped_events", description: "Events passed over by events-influx, by reason; intentional: events-postgres dead-letters invalid ones, what a tombstone covers is erased, and what is older than InfluxDB keeps points is beyond_retention.");
        _lost = meter.CreateCounter<long>("pipeline_write_lost_offsets", description: "Offsets that left the log before a road read them whose offsets live in Kafka; points of events-influx can come back by a replay from PostgreSQL.");
        _halved = meter.CreateCounter<long>("pipeline_write_halved_batches", description: "Writes that InfluxDB refused as a whole, for one bad line or for their size, and that were halved.");
        _refused = meter.CreateCounter<long>("pipeline_write_refused_points", description: "Points that InfluxDB refused as data; each is a dead letter.");
        _untrustedHeaders = meter.CreateCounter<long>("pipeline_process_untrusted_headers", description: "Records whose ingest header was ignored, by road and topic: the topic is configured not to trust headers.");
        _failures = meter.CreateCounter<long>("pipeline_process_failures", description: "Batches or acquisitions that failed and are tried again, by kind.");
        _breakerOpened = meter.CreateCounter<long>("pipeline_process_breaker_opened", description: "How often a dependency's circuit breaker opened.");
        _acquisitions = meter.CreateCounter<long>("pipeline_process_acquisitions", description: "Partitions acquired, again after every failure and rebalance.");
        _clientErrors = meter.CreateCounter<long>("pipeline_process_client_errors", description: "Errors of the Kafka client, by its code; it goes on by itself.");
        meter.CreateObservableGauge("pipeline_process_group_joining", () => _roads.Select(r => new Measurement<int>(r.Group.IsJoining ? 1 : 0, Label("road", r.Name))),
            description: "1 while a road's consumer waits for its group to rebalance.");
        meter.CreateObservableCounter("pipeline_process_rebalances", () => _roads.Select(r => new Measurement<long>(r.Group.Rebalances, Label("road", r.Name))),
            description: "How often a road's consumer was assigned partitions or had some revoked.");
        meter.CreateObservableGauge("pipeline_process_queued_records", () => _roads.Select(r => new Measurement<long>(r.Workers.Sum(w => (long)w.Queue.Count), Label("road", r.Name))),
            description: "Records that wait in memory for their partition's turn.");
        meter.CreateObservableGauge("pipeline_process_oldest_seconds", () => _roads.Select(r => new Measurement<double>(OldestSeconds(r, clock), Label("road", r.Name))), "s",
            "Age of the oldest record that is queued or being processed, by the broker's time; 0 when none waits.");
        _published = meter.CreateCounter<long>("pipeline_publish_messages", description: "Messages that RabbitMQ confirmed.");
        _handedOver = meter.CreateCounter<long>("pipeline_publish_hand_overs", description: "Failed records that RabbitMQ holds now, by road and outcome: retry, alone (after the death of a process that held it), dead_letter.");
        _returned = meter.CreateCounter<long>("pipeline_publish_returns", description: "Messages that came back because no queue takes them.");
        _deadlines = meter.CreateCounter<long>("pipeline_publish_deadlines_passed", description: "Publishes that were not confirmed in time.");
        _workRestarts = meter.CreateCounter<long>("pipeline_failures_work_restarts", description: "How often a queue's receiver or the outbox failed and was begun anew, by its name.");
        meter.CreateObservableGauge("pipeline_failures_queue_messages", () => _queueMessages.Select(q => new Measurement<long>(q.Value, Label("queue", q.Key))),
            description: "Messages in each of RabbitMQ's queues of failures, as last asked: retries that wait, work, dead letters that nobody stored yet.");
        _rebuilds = meter.CreateCounter<long>("pipeline_publish_connections_given_up", description: "Publishing connections that failed or hung and were made anew.");
        _lettersReceived = meter.CreateCounter<long>("pipeline_receive_dead_letters", description: "Messages taken from the queue of dead letters, by outcome: stored, known.");
        meter.CreateObservableGauge("pipeline_outbox_backlog", () => Interlocked.Read(ref _outboxBacklog), description: "Dead letters that the outbox has still to publish, as this process saw them last; counted up to 100,000.");
        _weeksDropped = meter.CreateCounter<long>("pipeline_retention_dropped_weeks", description: "Weeks of rows that were dropped; what was counted of them stays.");
        _idsTrimmed = meter.CreateCounter<long>("pipeline_retention_trimmed_ids", description: "Ids taken from the ledger because no copy of their events can come any more.");
        _tombstonesTrimmed = meter.CreateCounter<long>("pipeline_retention_trimmed_tombstones", description: "Tombstones that a later one covers, or that nothing can come for any more.");
        _analyses = meter.CreateCounter<long>("pipeline_analysis_executions", description: "Requests that the engine ended, whoever asked, by algorithm, engine (native, python) and outcome: completed, cached, or a fault's code.");
        _analysisTime = meter.CreateHistogram<double>("pipeline_analysis_seconds", "s", "What completed executions took, by algorithm and engine.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300] });
        _requests = meter.CreateCounter<long>("pipeline_analysis_requests", description: "Records of analysis.requests that were read, by outcome: executed, job (waits in a queue of its priority), invalid, conflict, too_late, ended_before, set_aside, set_aside_before.");
        _answers = meter.CreateCounter<long>("pipeline_analysis_answers", description: "Results that results-postgres read, by outcome: stored, known (the task had ended), invalid.");
        _delay = meter.CreateHistogram<double>("pipeline_process_delay_seconds", "s", "From the broker's time of a batch's oldest event to its commit.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800] });
    }

    public void Written(string road, BatchOutcome outcome, DateTimeOffset now, EventBatch batch)
    {
        _batches.Add(1, Label("road", road));
        Add("stored", outcome.Stored);
        Add("duplicate", outcome.Duplicates);
        Add("dead_lettered", outcome.DeadLettered);
        Add("dropped", outcome.Dropped);
        Add("absent", outcome.Absent);
        foreach (var letter in batch.DeadLetters.Where(l => !l.IsErased))
            _deadLetters.Add(1, Label("reason", letter.Fault.Code));
        if (batch.Conflicting.Count > 0)
            _deadLetters.Add(batch.Conflicting.Count, Label("reason", new EventFault(FaultReason.ConflictingDuplicate).Code));
        if (batch.Events.Count > 0)
            _delay.Record(Math.Max(0, (now - DateTimeOffset.UnixEpoch).TotalSeconds - (batch.Events[0].LoggedAtUs / 1e6)), Label("road", road));
    }

    public void UntrustedHeaders(string road, string topic, int records)
    {
        if (records > 0)
            _untrustedHeaders.Add(records, Label("road", road), Label("topic", topic));
    }

    /// <summary>Shows what is kept, and for how long, from now on.</summary>
    public void Watch(RetentionWatch retention)
    {
        IEnumerable<Measurement<double>> Known(double? value) => value is { } known ? [new Measurement<double>(known)] : [];
        _meter.CreateObservableGauge("pipeline_retention_oldest_week_seconds", () => Known(retention.OldestWeekSeconds), "s", "Age of the beginning of the oldest week of rows.");
        _meter.CreateObservableGauge("pipeline_retention_ledger_seconds", () => Known(retention.State.LedgerS), "s", "How long ids are remembered; absent where it is for ever.");
        _meter.CreateObservableGauge("pipeline_retention_since_pass_seconds", () => Known(retention.SecondsSincePass), "s", "Since it was last looked whether anything has become old.");
    }

    public void WeekDropped() => _weeksDropped.Add(1);

    public void IdsTrimmed(long ids) => _idsTrimmed.Add(ids);

    public void TombstonesTrimmed(long tombstones) => _tombstonesTrimmed.Add(tombstones);

    /// <summary>Points that are older than InfluxDB keeps them.</summary>
    public void Expired(string road, int points)
    {
        if (points > 0)
            _skipped.Add(points, Label("road", road), Label("reason", "beyond_retention"));
    }

    public void Points(string road, int count) => _points.Add(count, Label("road", road));

    public void Skipped(string road, EventFault fault) => _skipped.Add(1, Label("road", road), Label("reason", fault.Code));

    public void Erased(string road) => _skipped.Add(1, Label("road", road), Label("reason", "erased"));

    public void PlaceLost(string road, long offsets) => _lost.Add(offsets, Label("road", road));

    public void Halved(string road) => _halved.Add(1, Label("road", road));

    public void Refused(string road) => _refused.Add(1, Label("road", road));

    /// <summary>kind: waits (by dependency), fenced, stopped, fatal.</summary>
    public void Failure(string road, Failure failure) => _failures.Add(1, Label("road", road), Label("kind", failure.Kind switch
    {
        FailureKind.Transient => failure.Dependency ?? "other",
        FailureKind.Fenced => "fenced",
        FailureKind.Stopped => "stopped",
        FailureKind.Invalid => "invalid",
        _ => "fatal",
    }));

    public void Acquired(string road) => _acquisitions.Add(1, Label("road", road));

    public void ClientError(string road, string code) => _clientErrors.Add(1, Label("road", road), Label("code", code));

    /// <summary>Shows how much waits in the road's queues from now on.</summary>
    public void Watch(RoadHost road) => _roads.Add(road);

    static double OldestSeconds(RoadHost road, TimeProvider clock) =>
        road.Workers.Min(w => w.OldestMs) is { } oldest ? Math.Max(0, (clock.GetUtcNow().ToUnixTimeMilliseconds() - oldest) / 1000.0) : 0;

    /// <summary>Shows how many tenants are over their quota of dead letters from now on.</summary>
    public void Watch(FloodWatch floods) => _meter.CreateObservableGauge("pipeline_process_flooding_tenants", () => floods.Flooding.Count,
        description: "Tenants whose batches become dead letters faster than their quota allows; Ingest answers them 429.");

    public void BreakerOpened(string dependency) => _breakerOpened.Add(1, Label("dependency", dependency));

    /// <summary>Shows the breakers' states from now on.</summary>
    public void Watch(Breakers breakers) => _meter.CreateObservableGauge("pipeline_process_breaker_open",
        () => breakers.All.Select(b => new Measurement<int>(b.State == Polly.CircuitBreaker.CircuitState.Closed ? 0 : 1, Label("dependency", b.Dependency))),
        description: "1 while a dependency's circuit breaker is open or tries whether it may close.");

    public void Published(int messages) => _published.Add(messages);

    public void HandedOver(string road, string outcome) => _handedOver.Add(1, Label("road", road), Label("outcome", outcome));

    public void Returned() => _returned.Add(1);

    public void PublishDeadlinePassed() => _deadlines.Add(1);

    public void QueueMessages(IReadOnlyDictionary<string, long> messages) => _queueMessages = messages;

    /// <summary>Messages in each of RabbitMQ's queues, as last asked.</summary>
    public IReadOnlyDictionary<string, long> LastQueueMessages => _queueMessages;

    public void WorkRestarted(string work) => _workRestarts.Add(1, Label("work", work));

    public void PublisherRebuilt() => _rebuilds.Add(1);

    public void LetterReceived(bool stored) => _lettersReceived.Add(1, Label("outcome", stored ? "stored" : "known"));

    public void OutboxBacklog(long letters) => Interlocked.Exchange(ref _outboxBacklog, letters);

    public void Analysed(string algorithm, Analysis.AnalysisOutcome outcome)
    {
        var engine = Label("engine", outcome.Metadata?.Engine ?? "none");
        _analyses.Add(1, Label("algorithm", algorithm), engine, Label("outcome", outcome.Fault?.Code ?? (outcome.Metadata!.IsCached ? "cached" : "completed")));
        if (outcome is { Fault: null, Metadata: { IsCached: false } made })
            _analysisTime.Record(made.Duration.TotalSeconds, Label("algorithm", algorithm), engine);
    }

    /// <summary>Shows how often results were remembered from now on.</summary>
    public void Watch(Analysis.ResultCache cache, Analysis.SharedCache shared)
    {
        IEnumerable<Measurement<long>> Looks(long hits, long misses, string level) =>
            [new(hits, Label("level", level), Label("outcome", "hit")), new(misses, Label("level", level), Label("outcome", "miss"))];
        _meter.CreateObservableCounter("pipeline_analysis_cache_looks", () => Looks(cache.Figures.Hits, cache.Figures.Misses, "memory").Concat(Looks(shared.Figures.Hits, shared.Figures.Misses, "shared")),
            description: "Results that were looked for before they were made, by level of the cache and outcome.");
        _meter.CreateObservableGauge("pipeline_analysis_cache_bytes", () => cache.Figures.Bytes, "By", "Results that are remembered in memory.");
    }

    /// <summary>Shows from now on whether tasks were lost on their way.</summary>
    public void Watch(Analysis.Requests.TaskKeeping tasks) => _meter.CreateObservableGauge("pipeline_analysis_overdue_tasks", () => tasks.Overdue,
        description: "Tasks that were read from the topic more than six hours ago and have not ended; ops/tasks lists them by state and older_than_s.");

    public void RequestRead(string outcome) => _requests.Add(1, Label("outcome", outcome));

    public void AnswersRead(string outcome, int answers)
    {
        if (answers > 0)
            _answers.Add(answers, Label("outcome", outcome));
    }

    void Add(string outcome, long n)
    {
        if (n > 0)
            _offsets.Add(n, Label("outcome", outcome));
    }

    static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);
}
