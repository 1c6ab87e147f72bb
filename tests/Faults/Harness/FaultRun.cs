using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Npgsql;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>The pipeline that one fault strikes: its own topic, database, bucket, group and hosts, on the lane's servers.</summary>
sealed class FaultRun : IAsyncDisposable
{
    public const int Partitions = 6;
    const int LinesShown = 60;
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    readonly Dictionary<string, HostProcess> _current = [];
    readonly List<HostProcess> _hosts = [];
    readonly string _id = $"f{Guid.NewGuid():N}"[..16];

    FaultRun(Lane lane, Fault fault, Random random) => (Lane, Fault, Random, IngestAddress) = (lane, fault, random, () => HostOf(Sign.Ingest)?.Url);

    public Lane Lane { get; }
    public Fault Fault { get; }
    public Random Random { get; }
    public TestTopic Topic { get; private set; } = null!;

    /// <summary>Topics of analyses, where the fault has requests.</summary>
    public TestTopic? Requests { get; private set; }

    /// <inheritdoc cref="Requests"/>
    public TestTopic? Results { get; private set; }

    public TestDatabase Database { get; private set; } = null!;
    public InfluxStore? Influx { get; private set; }
    public ConservationWatch Watch { get; private set; } = null!;
    public Ledger Ledger { get; } = new();
    public Load Load { get; private set; } = null!;
    public OwnRabbit? Rabbit { get; private set; }
    public Wire? RabbitWire { get; private set; }

    /// <summary>Stands before the name of every queue of this run.</summary>
    public string RabbitPrefix => $"{_id}.";

    public string DatabaseName => _id;
    public string Brokers { get; private set; } = "";

    /// <summary>What faults of the one broker strike: the broker itself and the hosts' way to it.</summary>
    public (OwnKafka Broker, Wire Wire) Kafka { get; private set; }

    public OwnKafka? Cluster { get; private set; }
    public Wire PostgresWire { get; private set; } = null!;
    public OwnPostgres Postgres { get; private set; } = null!;
    public OwnInflux? InfluxServer { get; private set; }
    public Wire? InfluxWire { get; private set; }

    /// <summary>When the fault struck; 0 before.</summary>
    public long StruckAt { get; private set; }

    public DateTime StruckAtUtc { get; private set; }

    /// <summary>From when on the pipeline was at work without a fault.</summary>
    public DateTime AtWorkUtc { get; private set; }

    public void AtWork() => AtWorkUtc = DateTime.UtcNow;

    public void Struck() => (StruckAt, StruckAtUtc) = (Stopwatch.GetTimestamp(), DateTime.UtcNow);

    /// <summary>Until when the fault lasted for sure: healing begins, which may itself cost the machine a lot.</summary>
    public DateTime HealingAtUtc { get; private set; }

    public void Healing() => HealingAtUtc = DateTime.UtcNow;

    /// <summary>When the fault was taken away; 0 before.</summary>
    public long HealedAt { get; private set; }

    public void Healed() => HealedAt = Stopwatch.GetTimestamp();

    /// <summary>Where HTTP clients reach Ingest; a fault may stand in between.</summary>
    public Func<Uri?> IngestAddress { get; set; }

    public IReadOnlyList<HostProcess> Hosts
    {
        get
        {
            lock (_hosts)
                return [.. _hosts.Where(h => !h.HasExited)];
        }
    }

    public HostProcess Processors => _current[Sign.Processors];

    public HostProcess Ingest => _current[Sign.Ingest];

    public HostProcess? HostOf(string name) => _current.GetValueOrDefault(name);

    public static async Task<FaultRun> CreateAsync(Lane lane, Fault fault, Random random)
    {
        var run = new FaultRun(lane, fault, random);
        await Task.WhenAll(run.MakeTopicAsync(), run.MakeDatabaseAsync(), run.FindStoresAsync());
        run.Load = new Load(run);
        return run;
    }

    async Task MakeTopicAsync()
    {
        if (Fault.Needs.HasFlag(Need.Cluster))
        {
            Cluster = await Lane.Cluster;
            Brokers = Cluster.Servers;
            Topic = TestTopic.Awaited(_id, Brokers);
            return;
        }
        Kafka = await Lane.Kafka;
        Brokers = Kafka.Broker.Servers;
        Topic = await TestTopic.CreateAsync(_id, Partitions, Brokers);
        if (Fault.Requests is null)
            return;
        Requests = await TestTopic.CreateAsync(_id + ".requests", Partitions, Brokers);
        Results = await TestTopic.CreateAsync(_id + ".results", Partitions, Brokers);
    }

    async Task MakeDatabaseAsync()
    {
        (Postgres, PostgresWire) = (await Lane.Postgres, await Lane.PostgresWire);
        Database = await Lane.NewDatabaseAsync(_id, await Fault.TablespaceAsync(Lane));
        Watch = new ConservationWatch(Database);
    }

    async Task FindStoresAsync()
    {
        if (Fault.Needs.HasFlag(Need.Rabbit))
            (Rabbit, RabbitWire) = await Lane.Rabbit;
        if (Fault.Needs.HasFlag(Need.Influx))
        {
            (InfluxServer, InfluxWire) = await Lane.Influx;
            Influx = await InfluxServer.NewStoreAsync(_id);
        }
    }

    /// <summary>The processes that the load meets; a fault may start more, or start them later.</summary>
    public async Task StartHostsAsync()
    {
        // A topic on three brokers is the processors' to make; a client that only asks for it would make the broker do it.
        if (Cluster is not null)
        {
            await StartProcessorsAsync();
            await Topic.MadeAsync(Partitions);
        }
        await Task.WhenAll(StartIngestAsync(), Cluster is null ? StartProcessorsAsync() : Task.CompletedTask);
        await Until.TrueAsync("ingest is ready", Within, async () => (await HostView.LookAsync(Ingest)).Field("status") is "\"healthy\"" or "\"degraded\"");
    }

    public Task<HostProcess> StartIngestAsync(params (string, string)[] settings) => StartAsync(Sign.Ingest, "Ingest", [.. IngestSettings(), .. Fault.IngestSettings, .. settings]);

    public Task<HostProcess> StartProcessorsAsync(params (string, string)[] settings) =>
        StartAsync(Sign.Processors, Fault.ProcessorsHost, [.. ProcessorsSettings(), .. Fault.ProcessorsSettings, .. settings]);

    /// <summary>Starts a processor that may die before it listens; it becomes the current one.</summary>
    public HostProcess LaunchProcessors(params (string, string)[] settings) =>
        Launch(Sign.Processors, Fault.ProcessorsHost, [.. ProcessorsSettings(), .. Fault.ProcessorsSettings, .. settings]);

    /// <summary>Starts one beside the current one.</summary>
    public HostProcess LaunchMoreProcessors()
    {
        var current = Processors;
        var more = LaunchProcessors();
        _current[Sign.Processors] = current;
        return more;
    }

    async Task<HostProcess> StartAsync(string name, string host, (string, string)[] settings)
    {
        var process = Launch(name, host, settings);
        await process.ListeningAsync();
        return process;
    }

    HostProcess Launch(string name, string host, (string Name, string Value)[] settings)
    {
        var merged = new Dictionary<string, string>();
        foreach (var (key, value) in settings)
            merged[key] = value;
        var process = new HostProcess(host, merged);
        lock (_hosts)
            _hosts.Add(process);
        _current[name] = process;
        return process;
    }

    (string, string)[] IngestSettings() => [.. Common(), ("Pipeline__Kafka__EventsTopic", Topic.Name), .. Requests is null ? [] : (ReadOnlySpan<(string, string)>)[("Pipeline__Kafka__RequestsTopic", Requests.Name)]];

    (string, string)[] ProcessorsSettings() =>
    [
        .. Common(), ("Pipeline__Kafka__EventTopics__0__Name", Topic.Name), ("Pipeline__Kafka__GroupPrefix", _id + "."), ("Pipeline__Kafka__SessionTimeout", "00:00:06"),
        ("Pipeline__Kafka__Partitions", $"{Partitions}"), ("Pipeline__Processors__Roles", Roles()),
        .. Rabbit is null ? [] : (ReadOnlySpan<(string, string)>)[("Pipeline__RabbitMq__Uri", OwnRabbit.Uri($"127.0.0.1:{RabbitWire!.Port}")), ("Pipeline__RabbitMq__Prefix", RabbitPrefix)],
        .. Requests is null ? [] : (ReadOnlySpan<(string, string)>)[("Pipeline__Kafka__RequestTopics__0__Name", Requests.Name), ("Pipeline__Kafka__ResultsTopic", Results!.Name),
            ("Pipeline__Analysis__Python", "off"), ("Pipeline__Analysis__Lease", "00:00:03")],
        .. Influx is null ? [] : Influx.Settings.Select(s => (s.Key, s.Value)).Append(("Pipeline__Influx__Url", $"http://127.0.0.1:{InfluxWire!.Port}")),
    ];

    string Roles() => string.Join(',', ((string?[])["events-postgres", Influx is null ? null : "events-influx", Rabbit is null ? null : "failures", Requests is null ? null : "analysis,results-postgres"]).OfType<string>());

    (string, string)[] Common() =>
    [
        ("Pipeline__Kafka__BootstrapServers", Kafka.Wire is null ? Brokers : $"127.0.0.1:{Kafka.Wire.Port}"),
        ("Pipeline__Postgres__ConnectionString", Postgres.Uri(_id, PostgresWire.Port)),
    ];

    /// <summary>How many offsets are stored; -1 while the store does not say.</summary>
    public async Task<long> PassedAsync()
    {
        try
        {
            return await Database.ValueAsync<long>("SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM rev_1.offsets");
        }
        catch (NpgsqlException)
        {
            return -1;
        }
    }

    public Task<Dictionary<int, long>> EndsAsync() => EndsAsync(Topic);

    /// <summary>A log's ends; asked again while a broker is not quite back.</summary>
    public async Task<Dictionary<int, long>> EndsAsync(TestTopic topic)
    {
        var ends = new Dictionary<int, long>();
        await Until.TrueAsync("the broker tells the log's ends", Within, async () =>
        {
            try
            {
                ends = await topic.EndsAsync();
                return "";
            }
            catch (ListOffsetsException e)
            {
                // The client holds on to a leader of before until it asks for metadata.
                await topic.RefreshAsync();
                return string.Join(", ", e.Result.ResultInfos.Select(r => r.TopicPartitionOffsetError.Error.Reason).Distinct());
            }
            catch (KafkaException e)
            {
                return e.Error.Reason;
            }
        }, error => error.Length == 0);
        return ends;
    }

    public Task PassedAtLeastAsync(long offsets, TimeSpan? within = null) =>
        Until.TrueAsync($"{offsets} offsets are stored", within ?? Within, PassedAsync, passed => passed >= offsets);

    /// <summary>Waits until every partition is stored up to these ends.</summary>
    public Task StoredUpToAsync(Dictionary<int, long> ends, TimeSpan within, string? topic = null) => Until.TrueAsync("every partition is stored up to its end", within, async () =>
    {
        try
        {
            var next = (await Database.RowsAsync("SELECT partition, next_offset FROM rev_1.offsets WHERE topic = $1 AND closed_at IS NULL", r => (r.GetInt32(0), r.GetInt64(1)), topic ?? Topic.Name)).ToDictionary();
            return string.Join(", ", ends.Where(e => next.GetValueOrDefault(e.Key) < e.Value).Select(e => $"[{e.Key}] {next.GetValueOrDefault(e.Key)} of {e.Value}"));
        }
        catch (NpgsqlException e)
        {
            return e.Message;
        }
    }, missing => missing.Length == 0);

    public async ValueTask DisposeAsync()
    {
        await Load.DisposeAsync();
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
            Seeds.Say($"--- the last lines of {host.Name}\n{host.Tail(LinesShown)}");
        }
        await Watch.DisposeAsync();
        await Database.DisposeAsync();
        await Topic.DisposeAsync();
        if (Requests is not null)
            await Requests.DisposeAsync();
        if (Results is not null)
            await Results.DisposeAsync();
        if (Influx is not null)
            await Influx.DisposeAsync();
    }
}
