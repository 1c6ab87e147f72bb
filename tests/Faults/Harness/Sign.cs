using System.Diagnostics;

namespace Pipeline.Faults.Harness;

/// <summary>One place where a fault must be visible: exactly this field or metric of this host.</summary>
/// <param name="Host"><c>ingest</c> or <c>processors</c>.</param>
/// <param name="Text">As the documentation names it.</param>
/// <param name="Shows">Compares the look before the fault with one after it.</param>
sealed record Sign(string Host, string Text, Func<HostView, HostView, bool> Shows)
{
    public const string Processors = "processors", Ingest = "ingest", EventsPostgres = "events-postgres", EventsInflux = "events-influx";

    public static Sign Grows(string host, string metric, string label = "") =>
        new(host, label.Length == 0 ? metric : $"{metric}{{{label}}}", (before, now) => now.Answers && now.Metric(metric, label) > before.Metric(metric, label));

    public static Sign Health(string host, string path, string value) => new(host, $"/health {path} = {value}", (_, now) => now.Field(path) == value);

    public static Sign Partition(string state, string road = EventsPostgres) =>
        new(Processors, $"/health roads.{road}[].state = {state}", (_, now) => now.States(road).Contains(state));

    /// <summary>A gauge that is no higher than this.</summary>
    public static Sign Falls(string host, string metric, string label, double to) =>
        new(host, $"{metric}{{{label}}} = {to}", (_, now) => now.Has(metric, label) && now.Metric(metric, label) <= to);

    /// <summary>Records wait because their store does not take them.</summary>
    public static Sign Queued(int records) => new(Processors, "/health roads.events-postgres[].queued", (_, now) => now.Sum(EventsPostgres, "queued") >= records);

    /// <summary>The oldest of them waits unusually long.</summary>
    public static Sign Old => new(Processors, "pipeline_process_oldest_seconds > 1", (_, now) => now.Metric("pipeline_process_oldest_seconds", $"road=\"{EventsPostgres}\"") > 1);

    /// <summary>A partition failed, even if it goes on by now.</summary>
    public static Sign Failures(string road = EventsPostgres) =>
        new(Processors, $"/health roads.{road}[].failures.count", (before, now) => now.Answers && now.Failures(road) > before.Failures(road));

    /// <summary>The consumer waits for its group, or has been given other partitions since: where a rebalance begins, however long it takes. A dead member holds it until its session ends.</summary>
    public static Sign[] Rebalancing(string road = EventsPostgres) => [
        new(Processors, $"pipeline_process_group_joining{{road=\"{road}\"}}, _rebalances_total", (before, now) => now.Metric("pipeline_process_group_joining", $"road=\"{road}\"") > 0
            || (now.Answers && now.Metric("pipeline_process_rebalances_total", $"road=\"{road}\"") > before.Metric("pipeline_process_rebalances_total", $"road=\"{road}\""))),
        new(Processors, $"/health groups.{road}.join_state, .rebalances", (before, now) => now.Answers && now.Field($"groups.{road}.join_state") is { } state
            && (state != "\"steady\"" || now.Field($"groups.{road}.rebalances") != before.Field($"groups.{road}.rebalances")))];

    /// <summary>A receiver from RabbitMQ, or the outbox, failed and is begun anew.</summary>
    public static Sign[] WorkRestarted => [Grows(Processors, "pipeline_failures_work_restarts_total"),
        new(Processors, "/health failures.*.restarts", (before, now) => now.Answers && now.WorkRestarts > before.WorkRestarts)];

    /// <summary>What Ingest's producer reported: a lost broker, a fatal error.</summary>
    public static Sign KafkaClientError => new(Ingest, "/health kafka_client.last_error",
        (before, now) => now.Field("kafka_client.last_error_at") is { } at && at != before.Field("kafka_client.last_error_at"));

    public static Sign DeadLetters(string road) => Counted(road, "dead_letters");

    /// <summary>One of the counts that a partition keeps of what is out of the ordinary.</summary>
    public static Sign Counted(string road, string name) =>
        new(Processors, $"/health roads.{road}[].counts.{name}", (before, now) => now.Answers && now.Count(road, name) > before.Count(road, name));

    /// <summary>The process is gone: nobody answers at its address, which a scrape shows as <c>up = 0</c>.</summary>
    public static Sign Silent(string host) => new(host, "/health and /metrics do not answer (up = 0)", (_, now) => !now.Answers);

    /// <summary>A dependency does not answer this host.</summary>
    public static Sign[] Down(string host, string dependency) =>
        [Health(host, $"dependencies.{dependency}.healthy", "false"), Falls(host, "pipeline_dependency_up", $"dependency=\"{dependency}\"", 0)];

    /// <summary>Batches fail for it, and the partitions wait.</summary>
    public static Sign[] Fails(string dependency, string road = EventsPostgres) =>
        [Grows(Processors, "pipeline_process_failures_total", $"kind=\"{dependency}\""), Partition("waiting", road)];
}

/// <summary>Watches for the signs of one fault and notes when each was first seen.</summary>
sealed class SignWatch(FaultRun run, IReadOnlyList<Sign> signs)
{
    public static readonly TimeSpan VisibleWithin = TimeSpan.FromSeconds(5);
    static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(12), Pause = TimeSpan.FromMilliseconds(150);

    readonly Dictionary<string, HostView> _before = [];
    readonly Dictionary<Sign, TimeSpan> _seen = [];
    Task _watching = Task.CompletedTask;

    public async Task BeginAsync()
    {
        foreach (var host in signs.Select(s => s.Host).Distinct())
            _before[host] = await HostView.LookAsync(run.HostOf(host));
        _watching = Task.Run(WatchAsync);
    }

    /// <summary>Waits until every sign was seen, or far too long.</summary>
    public Task EndedAsync() => _watching;

    /// <summary>When each sign was first seen after the fault struck; null for never.</summary>
    public IEnumerable<(Sign Sign, TimeSpan? After)> Seen => signs.Select(s => (s, _seen.TryGetValue(s, out var after) ? after : (TimeSpan?)null));

    async Task WatchAsync()
    {
        while (_seen.Count < signs.Count && (run.StruckAt == 0 || Stopwatch.GetElapsedTime(run.StruckAt) < GiveUpAfter))
        {
            foreach (var host in _before.Keys)
            {
                var now = await HostView.LookAsync(run.HostOf(host));
                if (run.StruckAt != 0)
                    foreach (var sign in signs.Where(s => s.Host == host && !_seen.ContainsKey(s) && s.Shows(_before[host], now)))
                        _seen[sign] = Stopwatch.GetElapsedTime(run.StruckAt);
            }
            await Task.Delay(Pause);
        }
    }
}
