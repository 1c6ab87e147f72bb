using System.Diagnostics;
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

    FaultRun(Lane lane, Fault fault, Random random) => (Lane, Fault, Random) = (lane, fault, random);

    public Lane Lane { get; }
    public Fault Fault { get; }
    public Random Random { get; }
    public TestTopic Topic { get; private set; } = null!;
    public TestDatabase Database { get; private set; } = null!;
    public InfluxStore? Influx { get; private set; }
    public ConservationWatch Watch { get; private set; } = null!;
    public Ledger Ledger { get; } = new();
    public Load Load { get; private set; } = null!;
    public string Brokers { get; private set; } = "";

    /// <summary>What faults of the one broker strike: the broker itself and the hosts' way to it.</summary>
    public (OwnKafka Broker, Wire Wire) Kafka { get; private set; }

    public Wire PostgresWire { get; private set; } = null!;
    public OwnPostgres Postgres { get; private set; } = null!;
    public OwnInflux? InfluxServer { get; private set; }
    public Wire? InfluxWire { get; private set; }

    /// <summary>When the fault struck; 0 before.</summary>
    public long StruckAt { get; private set; }

    public DateTime StruckAtUtc { get; private set; }

    public void Struck() => (StruckAt, StruckAtUtc) = (Stopwatch.GetTimestamp(), DateTime.UtcNow);

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
        await Task.WhenAll(run.MakeTopicAsync(), run.MakeDatabaseAsync(), run.MakeBucketAsync());
        run.Load = new Load(run);
        return run;
    }

    async Task MakeTopicAsync()
    {
        if (Fault.Needs.HasFlag(Need.Cluster))
        {
            Brokers = (await Lane.Cluster).Servers;
            // Made by the processors, as they do it where there are three brokers.
            Topic = await TestTopic.CreateAsync(_id, Partitions, Brokers);
            return;
        }
        Kafka = await Lane.Kafka;
        Brokers = Kafka.Broker.Servers;
        Topic = await TestTopic.CreateAsync(_id, Partitions, Brokers);
    }

    async Task MakeDatabaseAsync()
    {
        (Postgres, PostgresWire) = (await Lane.Postgres, await Lane.PostgresWire);
        Database = await Lane.NewDatabaseAsync(_id, await Fault.TablespaceAsync(Lane));
        Watch = new ConservationWatch(Database);
    }

    async Task MakeBucketAsync()
    {
        if (Fault.Needs.HasFlag(Need.Influx))
        {
            (InfluxServer, InfluxWire) = await Lane.Influx;
            Influx = await InfluxServer.NewStoreAsync(_id);
        }
    }

    /// <summary>The processes that the load meets; a fault may start more, or start them later.</summary>
    public async Task StartHostsAsync()
    {
        await Task.WhenAll(StartIngestAsync(), StartProcessorsAsync());
        await Until.TrueAsync("ingest is ready", Within, async () => (await HostView.LookAsync(Ingest)).Field("status") is "\"healthy\"" or "\"degraded\"");
    }

    public Task<HostProcess> StartIngestAsync(params (string, string)[] settings) => StartAsync(Sign.Ingest, "Ingest", [.. IngestSettings(), .. Fault.IngestSettings, .. settings]);

    public Task<HostProcess> StartProcessorsAsync(params (string, string)[] settings) =>
        StartAsync(Sign.Processors, "Processors", [.. ProcessorsSettings(), .. Fault.ProcessorsSettings, .. settings]);

    /// <summary>Starts a processor that may die before it listens; it becomes the current one.</summary>
    public HostProcess LaunchProcessors(params (string, string)[] settings) =>
        Launch(Sign.Processors, "Processors", [.. ProcessorsSettings(), .. Fault.ProcessorsSettings, .. settings]);

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

    (string, string)[] IngestSettings() => [.. Common(), ("Pipeline__Kafka__EventsTopic", Topic.Name)];

    (string, string)[] ProcessorsSettings() =>
    [
        .. Common(), ("Pipeline__Kafka__EventTopics__0__Name", Topic.Name), ("Pipeline__Kafka__GroupPrefix", _id + "."), ("Pipeline__Kafka__SessionTimeout", "00:00:06"),
        ("Pipeline__Kafka__Partitions", $"{Partitions}"), ("Pipeline__Processors__Roles", Influx is null ? "events-postgres" : "events-postgres,events-influx"),
        .. Influx is null ? [] : Influx.Settings.Select(s => (s.Key, s.Value)), ("Pipeline__Influx__Url", $"http://127.0.0.1:{(Influx is null ? 1 : InfluxWire!.Port)}"),
    ];

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

    public Task PassedAtLeastAsync(long offsets, TimeSpan? within = null) =>
        Until.TrueAsync($"{offsets} offsets are stored", within ?? Within, PassedAsync, passed => passed >= offsets);

    /// <summary>Waits until every partition is stored up to these ends.</summary>
    public Task StoredUpToAsync(Dictionary<int, long> ends, TimeSpan within) => Until.TrueAsync("every partition is stored up to its end", within, async () =>
    {
        try
        {
            var next = await Database.NextOffsetsAsync();
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
        if (Influx is not null)
            await Influx.DisposeAsync();
    }
}
