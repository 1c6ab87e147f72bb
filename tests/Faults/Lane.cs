using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Pipeline.Faults;

/// <summary>
/// One set of servers that the suite owns, each started when a fault first needs it and reused by the next. Two lanes run side by side.
/// </summary>
public sealed class Lane : IAsyncDisposable
{
    const string Template = "pipeline_template";

    readonly string _folder = IsRoot ? Directory.CreateDirectory($"/var/tmp/pipeline-faults-{Guid.NewGuid():N}").FullName : Directory.CreateTempSubdirectory("pipeline-faults-").FullName;
    readonly Lazy<Task<OwnPostgres>> _postgres;
    readonly Lazy<Task<OwnProxy>> _proxy;
    readonly Lazy<Task<(OwnKafka Broker, Wire Wire)>> _kafka;
    readonly Lazy<Task<OwnKafka>> _cluster;
    readonly Lazy<Task<(OwnInflux Server, Wire Wire)>> _influx;
    readonly Lazy<Task<Wire>> _postgresWire;
    readonly Lazy<Task<(OwnRabbit Server, Wire Wire)>> _rabbit;

    public Lane()
    {
        // The folder is ours alone, but as root PostgreSQL's user has to pass through it.
        File.SetUnixFileMode(_folder, (UnixFileMode)Convert.ToInt32(IsRoot ? "711" : "700", 8));
        _postgres = new(StartPostgresAsync);
        _proxy = new(() => OwnProxy.StartAsync(_folder));
        _postgresWire = new(async () => await (await _proxy.Value).OpenAsync("postgres", (await _postgres.Value).Address));
        _kafka = new(StartKafkaAsync);
        _cluster = new(() => OwnKafka.StartAsync(_folder, brokers: 3));
        _rabbit = new(async () =>
        {
            var server = await OwnRabbit.StartAsync(_folder);
            return (server, await (await _proxy.Value).OpenAsync("rabbitmq", server.Address));
        });
        _influx = new(async () =>
        {
            var server = await OwnInflux.StartAsync(_folder);
            return (server, await (await _proxy.Value).OpenAsync("influx", server.Address));
        });
    }

    /// <summary>RabbitMQ and the hosts' way to it.</summary>
    internal Task<(OwnRabbit Server, Wire Wire)> Rabbit => _rabbit.Value;

    public static bool IsRoot => Environment.UserName == "root";

    public static string Toolbox => TestServers.Toolbox ?? throw new InvalidOperationException("PIPELINE_TOOLBOX is not set");

    internal string Folder => _folder;

    internal Task<OwnPostgres> Postgres => _postgres.Value;

    /// <summary>The hosts' way to PostgreSQL; the tests go past it.</summary>
    internal Task<Wire> PostgresWire => _postgresWire.Value;

    /// <summary>One broker; the hosts reach it by the wire.</summary>
    internal Task<(OwnKafka Broker, Wire Wire)> Kafka => _kafka.Value;

    /// <summary>Three brokers, without a wire.</summary>
    internal Task<OwnKafka> Cluster => _cluster.Value;

    internal Task<(OwnInflux Server, Wire Wire)> Influx => _influx.Value;

    internal Task<OwnProxy> Proxy => _proxy.Value;

    /// <summary>A database with the product's schema and the test's own triggers.</summary>
    internal async Task<TestDatabase> NewDatabaseAsync(string name, string? tablespace = null)
    {
        var postgres = await Postgres;
        return await TestDatabase.CreateAsync(name, postgres.Uri(), $"TEMPLATE {Template}{(tablespace is null ? "" : $" TABLESPACE {tablespace}")}");
    }

    async Task<OwnPostgres> StartPostgresAsync()
    {
        var postgres = await OwnPostgres.StartAsync(_folder);
        await postgres.ExecuteAsync($"CREATE DATABASE {Template}");
        await using var migrating = new HostProcess("Processors",
            [new("Pipeline__Postgres__ConnectionString", postgres.Uri(Template)), new("Pipeline__Kafka__BootstrapServers", "127.0.0.1:1"), new("Pipeline__Processors__Roles", "events-postgres")], "--migrate");
        if (await migrating.ExitAsync(TimeSpan.FromSeconds(60)) != 0)
            throw new InvalidOperationException($"--migrate failed:\n{migrating.Output}");
        await postgres.ExecuteAsync(FenceLog.Install, Template);
        return postgres;
    }

    async Task<(OwnKafka, Wire)> StartKafkaAsync()
    {
        var (behind, proxied) = (Ports.Free(), Ports.Free());
        var broker = await OwnKafka.StartAsync(_folder, 1, proxied, behind);
        return (broker, await (await Proxy).OpenAsync("kafka", $"127.0.0.1:{behind}", proxied));
    }

    /// <summary>After a run that broke off: whatever it did to the servers is undone, so that the next fault meets them well.</summary>
    internal async Task MendAsync()
    {
        if (_postgres.IsValueCreated)
            await (await Postgres).StartAgainAsync();
        if (_kafka.IsValueCreated)
            await MendAsync((await Kafka).Wire, (await Kafka).Broker.MendAsync);
        if (_cluster.IsValueCreated)
            await (await Cluster).MendAsync();
        if (_influx.IsValueCreated)
            await MendAsync((await Influx).Wire, (await Influx).Server.MendAsync);
        if (_rabbit.IsValueCreated)
            await MendAsync((await Rabbit).Wire, (await Rabbit).Server.MendAsync);
        if (_postgresWire.IsValueCreated)
            await MendAsync(await PostgresWire, () => Task.CompletedTask);
    }

    static async Task MendAsync(Wire wire, Func<Task> server)
    {
        await server();
        await wire.ClearAsync();
        await wire.MendAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_kafka.IsValueCreated)
            await (await _kafka.Value).Broker.EndAsync();
        if (_cluster.IsValueCreated)
            await (await _cluster.Value).EndAsync();
        if (_influx.IsValueCreated)
            await (await _influx.Value).Server.EndAsync();
        if (_rabbit.IsValueCreated)
            await (await _rabbit.Value).Server.EndAsync();
        if (_postgres.IsValueCreated)
            await (await _postgres.Value).EndAsync();
        if (_proxy.IsValueCreated)
            await (await _proxy.Value).EndAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
