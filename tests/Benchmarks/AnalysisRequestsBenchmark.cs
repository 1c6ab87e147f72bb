using System.Diagnostics;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>
/// Requests of the topic, from the record to the task that has its answer: how many a second, beside the client alone, which consumes the same records and produces as many answers; and at half of that, how
/// long after its instant a request runs. Then the same requests as long ones, which go through RabbitMQ's queues.
/// </summary>
static class AnalysisRequestsBenchmark
{
    static readonly TimeSpan DrainedWithin = TimeSpan.FromMinutes(3);

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        report.Line($"  `mean` of five values by the topic, {Servers.Partitions} partitions; load {File.ReadAllText("/proc/loadavg").Trim()}");
        await using (var road = await RequestsRoad.StartAsync(servers, longOnes: false))
        {
            await RateAsync(road, "warm", quick ? 5_000 : 20_000);
            var (answered, stored, cpu, storeCpu) = await RateAsync(road, "full", quick ? 30_000 : 200_000);
            var raw = await RawAsync(servers, road.Requests, quick ? 30_000 : 200_000);
            report.Figure("requests answered in analysis.results", answered, "a second");
            report.Figure("requests completed in control.tasks", stored, "a second", "wanted ≥ 10,000");
            report.Figure("our CPU", cpu * 1e6, "s a million requests", string.Create(CultureInfo.InvariantCulture, $"and PostgreSQL's {storeCpu * 1e6:N1} s"));
            report.Figure("the client alone, consumed and produced", raw, "a second");
            report.Ratio("requests completed / the client alone", stored, raw, "(for orientation)");
            await LatencyAsync(road, report, "small requests", stored / 2, TimeSpan.FromSeconds(quick ? 5 : 20));
        }
        await using (var road = await RequestsRoad.StartAsync(servers, longOnes: true))
        {
            await RateAsync(road, "warm", 500);
            var (_, stored, _, _) = await RateAsync(road, "full", quick ? 2_000 : 5_000);
            report.Figure("the same as long ones, by RabbitMQ's queues", stored, "a second");
            await LatencyAsync(road, report, "long requests", stored / 2, TimeSpan.FromSeconds(quick ? 5 : 20));
        }
    }

    static byte[] Request(string id, int i) => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $$$"""{"request_id":"{{{id}}}","algorithm":"mean","input":{"values":[{{{i}}},2.5,3,-4,5]}}"""));

    static string Id(string run, int i) => string.Create(CultureInfo.InvariantCulture, $"{run}-{i:D7}");

    /// <returns>A second: until the last answer was in the topic, and until the last task had it; and the CPU seconds of a request, ours and PostgreSQL's.</returns>
    static async Task<(double Answered, double Stored, double Cpu, double StoreCpu)> RateAsync(RequestsRoad road, string run, int count)
    {
        var (before, cpu, storeCpu) = (road.ResultsEnd(), road.Host.Cpu, await road.StoreCpuAsync());
        var clock = Stopwatch.StartNew();
        using (var producer = RequestsRoad.Producer(road.Kafka))
        {
            for (var i = 0; i < count; i++)
                Produce(producer, road.Requests, Id(run, i), i);
            producer.Flush();
        }
        while (road.ResultsEnd() - before < count)
            await PauseAsync(clock, road);
        var answered = count / clock.Elapsed.TotalSeconds;
        while (await road.CompletedAsync(run) < count)
            await PauseAsync(clock, road);
        return (answered, count / clock.Elapsed.TotalSeconds, (road.Host.Cpu - cpu).TotalSeconds / count, (await road.StoreCpuAsync() - storeCpu) / count);
    }

    static async Task PauseAsync(Stopwatch clock, RequestsRoad road)
    {
        if (clock.Elapsed > DrainedWithin)
            throw new InvalidOperationException($"not drained within {DrainedWithin}:\n{road.Host.LastLines}");
        await Task.Delay(20);
    }

    static void Produce(IProducer<string, byte[]> producer, string topic, string id, int i)
    {
        while (true)
            try
            {
                producer.Produce(topic, new Message<string, byte[]> { Key = id, Value = Request(id, i) });
                return;
            }
            catch (ProduceException<string, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(10));
            }
    }

    /// <summary>Open loop: each request has its instant, and what is late in being sent counts. The first half of that time again is not measured: small batches are other code than full ones, and it is compiled meanwhile.</summary>
    static async Task LatencyAsync(RequestsRoad road, Report report, string what, double perSecond, TimeSpan time)
    {
        await SendAsync(road, "settle", perSecond, time / 2);
        var (from, nothing, commit) = await SendAsync(road, "half", perSecond, time);
        List<double> running = [], completed = [];
        await foreach (var (id, ran, ended) in road.TimesAsync("half"))
        {
            var due = from + TimeSpan.FromSeconds(int.Parse(id.AsSpan("half-".Length), CultureInfo.InvariantCulture) / perSecond);
            running.Add((ran - due).TotalMilliseconds);
            completed.Add((ended - due).TotalMilliseconds);
        }
        running.Sort();
        completed.Sort();
        report.Line(string.Create(CultureInfo.InvariantCulture, $"  {what} at half load, {perSecond:N0} a second for {time.TotalSeconds:N0} s, ms from the instant of each:"));
        foreach (var (name, ms, wanted) in new[] { ("submitted → running", running, "p95 < 50"), ("submitted → completed in control.tasks", completed, "-") })
            report.Line(string.Create(CultureInfo.InvariantCulture, $"    {name,-42} p50 {ms[ms.Count / 2],8:N1}   p95 {ms[ms.Count * 95 / 100],8:N1}   p99 {ms[ms.Count * 99 / 100],8:N1}   wanted {wanted}"));
        foreach (var (name, twin, what1) in new[] { ("SELECT 1 beside them", nothing, "for nothing"), ("a row committed beside them", commit, "for a commit") })
            report.Line(string.Create(CultureInfo.InvariantCulture, $"    {name,-42} p50 {twin.Of(0.5),8:N1}   p95 {twin.Of(0.95),8:N1}   p99 {twin.Of(0.99),8:N1}   what the machine takes {what1}"));
    }

    /// <returns>When the first one was due, and what the machine took meanwhile.</returns>
    static async Task<(DateTime From, Twin Nothing, Twin Commit)> SendAsync(RequestsRoad road, string run, double perSecond, TimeSpan time)
    {
        var count = (int)(perSecond * time.TotalSeconds);
        Task<(Twin, Twin)> asking;
        DateTime from;
        Stopwatch clock;
        using (var producer = RequestsRoad.Producer(road.Kafka))
        {
            // Before the clock runs: a producer's first half second finds the brokers.
            for (var n = 0; n < 100; n++)
                Produce(producer, road.Requests, Id($"{run} first", n), n);
            producer.Flush();
            (asking, from, clock) = (road.TwinsAsync(time), DateTime.UtcNow, Stopwatch.StartNew());
            for (var n = 0; n < count;)
            {
                for (var due = (int)Math.Min(count, clock.Elapsed.TotalSeconds * perSecond); n < due; n++)
                    Produce(producer, road.Requests, Id(run, n), n);
                await Task.Delay(1);
            }
            producer.Flush();
        }
        var (nothing, commit) = await asking;
        while (await road.CompletedAsync(run) < count)
            await PauseAsync(clock, road);
        return (from, nothing, commit);
    }

    /// <summary>The client alone over the same records: consumed, and for each an answer of the usual size produced, acks=all.</summary>
    static async Task<double> RawAsync(Servers servers, string requests, int count)
    {
        var topic = await servers.NewTopicAsync("raw");
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = servers.Kafka, GroupId = topic, AutoOffsetReset = AutoOffsetReset.Earliest, FetchQueueBackoffMs = 5 }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, Servers.Partitions).Select(p => new TopicPartitionOffset(requests, p, Offset.Beginning)));
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers.Kafka, EnableIdempotence = true, Acks = Acks.All, CompressionType = CompressionType.Lz4, LingerMs = 2 }).SetLogHandler((_, _) => { }).Build();
        var answer = new byte[250];
        Stopwatch? clock = null;
        for (var i = 0; i < count;)
        {
            if (consumer.Consume(TimeSpan.FromSeconds(10)) is not { } record)
                throw new InvalidOperationException("the topic has fewer records");
            clock ??= Stopwatch.StartNew();
            record.Message.Value.AsSpan(0, Math.Min(answer.Length, record.Message.Value.Length)).CopyTo(answer);
            try
            {
                producer.Produce(topic, new Message<byte[], byte[]> { Key = record.Message.Key, Value = answer });
                i++;
            }
            catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Flush(TimeSpan.FromSeconds(10));
            }
        }
        producer.Flush();
        var rate = count / clock!.Elapsed.TotalSeconds;
        await servers.DropTopicAsync(topic);
        return rate;
    }
}

/// <summary>A processor that executes requests and stores their answers, with topics and a database of its own.</summary>
sealed class RequestsRoad : IAsyncDisposable
{
    readonly Servers _servers;
    readonly string _database;
    readonly NpgsqlDataSource _store;
    readonly IConsumer<Ignore, Ignore> _looker;

    RequestsRoad(Servers servers, string requests, string results, string database, bool longOnes)
    {
        (_servers, Requests, Results, _database) = (servers, requests, results, database);
        _store = NpgsqlDataSource.Create(Servers.Keywords(database));
        _looker = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = servers.Kafka, GroupId = results }).SetLogHandler((_, _) => { }).Build();
        var settings = new Dictionary<string, string>
        {
            ["Pipeline__Kafka__EventTopics__0__Name"] = requests,
            ["Pipeline__Kafka__RequestTopics__0__Name"] = requests,
            ["Pipeline__Kafka__ResultsTopic"] = results,
            ["Pipeline__Kafka__GroupPrefix"] = requests + ".",
            ["Pipeline__Postgres__ConnectionString"] = database,
            ["Pipeline__Processors__Roles"] = "analysis,results-postgres,failures",
            ["Pipeline__RabbitMq__Uri"] = servers.RabbitMq,
            ["Pipeline__RabbitMq__Prefix"] = requests + ".",
            ["Pipeline__Analysis__Python"] = "off",
        };
        if (longOnes)
            settings["Pipeline__Analysis__LongFrom"] = "00:00:00";
        Host = HostProcess.Ours(servers, "Processors", settings);
    }

    public string Kafka => _servers.Kafka;

    public string Requests { get; }

    public string Results { get; }

    public HostProcess Host { get; }

    public static async Task<RequestsRoad> StartAsync(Servers servers, bool longOnes)
    {
        var road = new RequestsRoad(servers, await servers.NewTopicAsync("requests"), await servers.NewTopicAsync("results"), await servers.NewDatabaseAsync(), longOnes);
        await road.Host.ListeningAsync();
        await road.GrowLogAsync();
        return road;
    }

    /// <summary>A store that has run for a while writes to log files that it has; a new one makes each of them first, 16 MB of zeros, and whoever commits waits for that.</summary>
    async Task GrowLogAsync()
    {
        await using var connection = await _store.OpenConnectionAsync();
        for (var file = 0; file < 60; file++)
            await new NpgsqlCommand("SELECT pg_logical_emit_message(false, 'grow', ''), pg_switch_wal()", connection).ExecuteNonQueryAsync();
        await new NpgsqlCommand("CHECKPOINT", connection).ExecuteNonQueryAsync();
    }

    public static IProducer<string, byte[]> Producer(string kafka) => new ProducerBuilder<string, byte[]>(new ProducerConfig
    {
        BootstrapServers = kafka, EnableIdempotence = true, Acks = Acks.All, CompressionType = CompressionType.Lz4, LingerMs = 2, DeliveryReportFields = "none", Partitioner = Partitioner.Murmur2Random,
    }).SetLogHandler((_, _) => { }).Build();

    public long ResultsEnd() => Enumerable.Range(0, Servers.Partitions).Sum(p => _looker.QueryWatermarkOffsets(new TopicPartition(Results, p), TimeSpan.FromSeconds(10)).High.Value);

    public async Task<(Twin Nothing, Twin Commit)> TwinsAsync(TimeSpan time)
    {
        var commit = Twin.CommitAsync(_store, time);
        return (await Twin.AskAsync(_store, time), await commit);
    }

    public async Task<double> StoreCpuAsync() => await StoreCpu.SecondsAsync(_store) ?? double.NaN;

    public async Task<long> CompletedAsync(string run)
    {
        await using var command = _store.CreateCommand($"SELECT count(*) FROM control.tasks WHERE state = 7 AND request_id LIKE '{run}-%'");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async IAsyncEnumerable<(string Id, DateTime Ran, DateTime Ended)> TimesAsync(string run)
    {
        await using var command = _store.CreateCommand($"SELECT request_id, entered[array_position(states, 4::smallint)], finished_at FROM control.tasks WHERE request_id LIKE '{run}-%'");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            yield return (reader.GetString(0), reader.GetDateTime(1), reader.GetDateTime(2));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _looker.Dispose();
        await _store.DisposeAsync();
        await _servers.DropTopicAsync(Requests);
        await _servers.DropTopicAsync(Results);
        await _servers.DropDatabaseAsync(_database);
    }
}
