namespace Pipeline.Faults.Servers;

/// <summary>Apache Kafka of this run by the toolbox's script: one broker, or three. Broker numbers count from 1.</summary>
sealed class OwnKafka
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    readonly string _script, _folder;
    readonly int _brokers;

    OwnKafka(string script, string folder, int brokers, string servers) => (_script, _folder, _brokers, Servers) = (script, folder, brokers, servers);

    /// <summary>Bootstrap servers, past every proxy.</summary>
    public string Servers { get; }

    /// <param name="proxiedPort">Where clients of the second listener reach it: the one broker behind a proxy; 0 for none.</param>
    /// <param name="behindPort">Where that second listener listens.</param>
    public static async Task<OwnKafka> StartAsync(string folder, int brokers, int proxiedPort = 0, int behindPort = 0)
    {
        var (script, data) = (Path.Combine(Lane.Toolbox, "kafka", "kafka"), Path.Combine(folder, $"kafka{brokers}"));
        var port = Ports.Free(brokers * 10);
        // The restart of the script looks for a line that begins with listeners=PLAINTEXT: its own, so that ours begins otherwise.
        // Three brokers: their own defaults are unsafe, so that what a topic has was asked for; a dead one is noticed in 4 s instead of 9.
        var settings = proxiedPort == 0 ? "default.replication.factor=1 min.insync.replicas=1 broker.session.timeout.ms=4000 broker.heartbeat.interval.ms=1000" : $"listeners=CONTROLLER://127.0.0.1:{port + 1},PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behindPort} "
            + $"advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxiedPort} "
            + "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT inter.broker.listener.name=PLAINTEXT";
        // A name of our own: of the script's, made by chance, one in 64 begins with a dash, and its formatting takes that for an option.
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(Path.Combine(data, "cluster"), Guid.NewGuid().ToString("N")[..22]);
        var servers = await ServerProcess.RunAsync(Patience, ["bash", script, "start", "--brokers", $"{brokers}", "--port", $"{port}", "--dir", data], ("KAFKA_SETTINGS", settings));
        return new OwnKafka(script, data, brokers, servers.Trim());
    }

    public Task KillAsync(int broker) => RunAsync("kill", broker);

    /// <summary>A stop in order: the broker hands its partitions over first.</summary>
    public async Task StopAsync(int broker)
    {
        var pid = (await File.ReadAllTextAsync(Pid(broker))).Trim();
        await ServerProcess.RunAsync(Patience, ["bash", "-c", "kill \"$0\"; while kill -0 \"$0\" 2>/dev/null; do sleep 0.1; done", pid]);
    }

    public Task RestartAsync(int broker) => RunAsync("restart", broker);

    public Task KillAllAsync() => Task.WhenAll(Enumerable.Range(1, _brokers).Select(KillAsync));

    public Task RestartAllAsync() => Task.WhenAll(Enumerable.Range(1, _brokers).Select(RestartAsync));

    /// <summary>Starts every broker that is not there.</summary>
    public async Task MendAsync()
    {
        for (var broker = 1; broker <= _brokers; broker++)
            if (!File.Exists(Pid(broker)) || !Directory.Exists($"/proc/{(await File.ReadAllTextAsync(Pid(broker))).Trim()}"))
                await RestartAsync(broker);
    }

    string Pid(int broker) => Path.Combine(_folder, $"broker-{broker}", "pid");

    Task RunAsync(string verb, int broker) => ServerProcess.RunAsync(Patience, ["bash", _script, verb, $"{broker}", "--dir", _folder]);

    public async Task EndAsync()
    {
        for (var broker = 1; broker <= _brokers; broker++)
            if (File.Exists(Pid(broker)))
                await ServerProcess.RunAsync(Patience, ["bash", "-c", "bash \"$0\" kill \"$1\" --dir \"$2\" || true", _script, $"{broker}", _folder]);
    }
}
