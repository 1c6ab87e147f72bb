using System.Diagnostics;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>
/// A pipeline of one test: a fresh topic, database and, where asked for, bucket, and the hosts it starts. At the end everything is killed
/// and dropped; the hosts' last lines go to the test's output, which is printed when the test failed.
/// </summary>
public sealed class PipelineUnderTest : IAsyncDisposable
{
    const int LinesShown = 60;

    readonly string _id;
    readonly List<HostProcess> _hosts = [];
    readonly bool _ownsInflux;

    PipelineUnderTest(string id, TestTopic topic, TestDatabase database, InfluxStore? influx, bool ownsInflux)
    {
        (_id, Topic, Database, Influx, _ownsInflux) = (id, topic, database, influx, ownsInflux);
        Watch = new ConservationWatch(database);
    }

    public TestTopic Topic { get; }

    /// <summary>Topics of analyses: there where <see cref="WithAnalysisAsync"/> was called.</summary>
    public TestTopic Requests { get; private set; } = null!;

    /// <inheritdoc cref="Requests"/>
    public TestTopic Results { get; private set; } = null!;

    string RequestsName => _id + ".requests";

    string ResultsName => _id + ".results";

    public TestDatabase Database { get; }
    public InfluxStore? Influx { get; }
    public ConservationWatch Watch { get; }

    /// <param name="influx">A store of a server that the test owns; it goes with its server.</param>
    public static async Task<PipelineUnderTest> CreateAsync(int partitions = 12, bool withInflux = false, InfluxStore? influx = null)
    {
        var id = $"t{Guid.NewGuid():N}"[..16];
        var topic = await TestTopic.CreateAsync(id, partitions);
        var database = await TestDatabase.CreateAsync(id);
        return new PipelineUnderTest(id, topic, database, influx ?? (withInflux ? await InfluxStore.CreateAsync(id) : null), ownsInflux: influx is null);
    }

    public async Task<PipelineUnderTest> WithAnalysisAsync(int partitions)
    {
        Requests = await TestTopic.CreateAsync(RequestsName, partitions);
        Results = await TestTopic.CreateAsync(ResultsName, partitions);
        return this;
    }

    public async Task<HostProcess> StartIngestAsync(params (string Name, string Value)[] settings)
    {
        var host = await LaunchIngestAsync(settings);
        await Until.TrueAsync($"{host.Name} is ready", TimeSpan.FromSeconds(30), async () => (await Http.GetAsync(new Uri(host.Url, "health/ready"))).IsSuccessStatusCode);
        return host;
    }

    /// <summary>Starts an Ingest that listens, but may have no broker to be ready for.</summary>
    public async Task<HostProcess> LaunchIngestAsync(params (string Name, string Value)[] settings)
    {
        var host = Launch("Ingest", [.. IngestSettings(), .. settings]);
        await host.ListeningAsync();
        return host;
    }

    /// <summary>Starts a processor; which partitions it gets, and when, is the group's business.</summary>
    public async Task<HostProcess> StartProcessorsAsync(params (string Name, string Value)[] settings)
    {
        var host = LaunchProcessors(settings);
        await host.ListeningAsync();
        return host;
    }

    /// <summary>The processor of tests/FailingProcessor on this pipeline's topic, the latest one that was started.</summary>
    public HostProcess Failing { get; private set; } = null!;

    internal HostProcess LaunchFailing(RabbitQueues queues, params (string Name, string Value)[] settings) =>
        Failing = Launch("FailingProcessor", [.. ProcessorsSettings(), ("Pipeline__Processors__Roles", "failures"), .. queues.Settings, .. settings]);

    /// <summary>How many of its records succeeded or are dead letters.</summary>
    public async Task<long> FailingEndedAsync() => await Database.ValueAsync<bool>("SELECT to_regclass('failing.successes') IS NOT NULL")
        ? await Database.ValueAsync<long>("SELECT (SELECT count(*) FROM failing.successes) + (SELECT count(*) FROM pipeline.dead_letters WHERE consumer = 'failing')") : 0;

    public HostProcess LaunchProcessors(params (string Name, string Value)[] settings) => Launch("Processors", [.. ProcessorsSettings(), .. settings]);

    /// <summary>Runs a host's command to its end.</summary>
    public async Task<(int ExitCode, string Output)> CommandAsync(string host, string[] arguments, params (string Name, string Value)[] settings)
    {
        await using var process = new HostProcess(host, Merge([.. host == "Ingest" ? IngestSettings() : ProcessorsSettings(), .. settings]), arguments);
        var exitCode = await process.ExitAsync(TimeSpan.FromSeconds(60));
        return (exitCode, process.Output);
    }

    public static HttpClient Http { get; } = new() { Timeout = TimeSpan.FromSeconds(60) };

    /// <summary>Waits until every partition is stored up to the log's end, as it is when this is called or later.</summary>
    public async Task StoredToTheEndAsync(TimeSpan? within = null)
    {
        var started = Stopwatch.GetTimestamp();
        var ends = await Topic.EndsAsync();
        await Until.TrueAsync("every partition is stored up to its end", within ?? TimeSpan.FromSeconds(120), async () =>
        {
            var next = await Database.NextOffsetsAsync();
            return string.Join(", ", ends.Where(e => next.GetValueOrDefault(e.Key, -1) != e.Value).OrderBy(e => e.Key)
                .Select(e => $"[{e.Key}] {(next.TryGetValue(e.Key, out var n) ? n : "none")} of {e.Value}"));
        }, missing => missing.Length == 0);
        Seeds.Say($"stored to the end ({ends.Values.Sum()} offsets) after {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s");
    }

    /// <summary>Every day that is over, which yesterday is some hours after midnight, is added up, and nothing was written into one since.</summary>
    public Task DaysAddedUpAsync() => Until.TrueAsync("every day is added up", TimeSpan.FromSeconds(300), () => Database.ValueAsync<bool>("""
        SELECT (SELECT added_up_before FROM pipeline.days_state) > now() - interval '3 days' AND NOT EXISTS (SELECT FROM pipeline.changed_days)
            AND (SELECT sum(events) FROM pipeline.activity_days) = (SELECT sum(events) FROM pipeline.activity WHERE bucket < (SELECT added_up_before FROM pipeline.days_state))
        """));

    /// <summary>How many offsets are stored so far.</summary>
    public async Task<long> PassedAsync() => await Database.HasSchemaAsync()
        ? await Database.ValueAsync<long>("SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM rev_1.offsets") : 0;

    public Task PassedAtLeastAsync(long offsets, TimeSpan? within = null) =>
        Until.TrueAsync($"{offsets} offsets are stored", within ?? TimeSpan.FromSeconds(60), PassedAsync, passed => passed >= offsets);

    HostProcess Launch(string host, (string, string)[] settings)
    {
        var process = new HostProcess(host, Merge(settings));
        _hosts.Add(process);
        return process;
    }

    (string, string)[] IngestSettings() => [.. Common(), ("Pipeline__Kafka__EventsTopic", Topic.Name), ("Pipeline__Kafka__RequestsTopic", RequestsName), .. InfluxSettings()];

    (string, string)[] ProcessorsSettings() =>
    [
        .. Common(),
        ("Pipeline__Kafka__EventTopics__0__Name", Topic.Name), ("Pipeline__Kafka__RequestTopics__0__Name", RequestsName), ("Pipeline__Kafka__ResultsTopic", ResultsName), ("Pipeline__Kafka__GroupPrefix", _id + "."), ("Pipeline__Kafka__SessionTimeout", "00:00:06"),
        ("Pipeline__Kafka__Partitions", $"{Topic.Partitions}"), ("Pipeline__Processors__Roles", Influx is null ? "events-postgres" : "events-postgres,events-influx"),
        .. InfluxSettings(),
    ];

    (string, string)[] InfluxSettings() => [.. Influx?.Settings.Select(s => (s.Key, s.Value)) ?? []];

    (string, string)[] Common() => [("Pipeline__Kafka__BootstrapServers", TestServers.Kafka), ("Pipeline__Postgres__ConnectionString", Database.Uri)];

    /// <summary>The last word about a setting counts.</summary>
    static Dictionary<string, string> Merge((string Name, string Value)[] settings)
    {
        var merged = new Dictionary<string, string>();
        foreach (var (name, value) in settings)
            merged[name] = value;
        return merged;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
            Seeds.Say($"--- the last lines of {host.Name}\n{host.Tail(LinesShown)}");
        }
        await Watch.DisposeAsync();
        await Database.DisposeAsync();
        await Topic.DisposeAsync();
        foreach (var topic in (TestTopic?[])[Requests, Results])
            await (topic?.DisposeAsync() ?? default);
        if (Influx is not null && _ownsInflux)
            await Influx.DisposeAsync();
    }
}
