using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>
/// A road of which one record in ten fails in passing, under a constant load: does the ladder drain as fast as it fills, or does the breaker open? The
/// road is tests/FailingProcessor; a record that failed comes back after a second and then succeeds.
/// </summary>
static class RetryLoadBenchmark
{
    const int RecordsPerSecond = 2000, FailsEvery = 10, TicksPerSecond = 50;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var seconds = quick ? 10 : 60;
        var topic = await servers.NewTopicAsync("retry");
        var database = await servers.NewDatabaseAsync();
        report.Line($"  {RecordsPerSecond:N0} records/s for {seconds} s, one in {FailsEvery} fails once and is tried again after 1 s");
        await using (var processor = Processor(servers, topic, database))
        {
            var url = await processor.ListeningAsync();
            await using var store = NpgsqlDataSource.Create(Servers.Keywords(database));
            var sent = 0;
            var producing = Task.Run(() => Produce(servers.Kafka, topic, seconds, n => Volatile.Write(ref sent, n)));
            var most = 0L;
            for (var second = 1; !producing.IsCompleted; second++)
            {
                await Task.WhenAny(producing, Task.Delay(TimeSpan.FromSeconds(1)));
                var (tried, succeeded) = await CountAsync(store);
                most = Math.Max(most, tried - succeeded);
                if (second % 10 == 0)
                    report.Line($"  after {second,3} s: sent {Volatile.Read(ref sent):N0}, tried {tried:N0}, waiting for their retry {tried - succeeded:N0}");
            }
            await producing;
            var drained = Stopwatch.StartNew();
            while ((await CountAsync(store)).Succeeded < sent && drained.Elapsed < TimeSpan.FromMinutes(2))
                await Task.Delay(50);
            using var http = new HttpClient();
            var opened = (await http.GetStringAsync(new Uri(url, "metrics"))).Split('\n').Where(l => l.StartsWith("pipeline_process_breaker_opened_total{", StringComparison.Ordinal)).ToList();
            var (all, done) = await CountAsync(store);
            report.Figure("most that waited for a retry", most, "records", $"{RecordsPerSecond / FailsEvery} fail in the second that they wait");
            report.Figure("drained after the last record", drained.Elapsed.TotalSeconds, "s");
            report.Line($"  {done:N0} of {sent:N0} succeeded; {(done == sent ? "it drains" : "NOT drained")}; breakers opened: {(opened.Count == 0 ? "none" : string.Join(", ", opened))}");
        }
        await servers.DropTopicAsync(topic);
        await servers.DropDatabaseAsync(database);
    }

    static HostProcess Processor(Servers servers, string topic, string database) => new("dotnet",
        [Path.Combine(servers.Repository, "tests", "FailingProcessor", "bin", "Release", "net10.0", "Pipeline.FailingProcessor.dll")], new Dictionary<string, string>
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["Pipeline__Kafka__BootstrapServers"] = servers.Kafka,
            ["Pipeline__Kafka__EventTopics__0__Name"] = topic,
            ["Pipeline__Kafka__GroupPrefix"] = topic + ".",
            ["Pipeline__Postgres__ConnectionString"] = database,
            ["Pipeline__Processors__Roles"] = "failures",
            ["Pipeline__RabbitMq__Uri"] = servers.RabbitMq,
            ["Pipeline__RabbitMq__Prefix"] = topic + ".",
        });

    static void Produce(string kafka, string topic, int seconds, Action<int> sent)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka, Acks = Acks.All, EnableIdempotence = true }).SetLogHandler((_, _) => { }).Build();
        var (good, failing) = ("{}"u8.ToArray(), Encoding.UTF8.GetBytes("""{"fail":"transient","times":1}"""));
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / TicksPerSecond));
        var clock = Stopwatch.StartNew();
        var n = 0;
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            timer.WaitForNextTickAsync().AsTask().GetAwaiter().GetResult();
            // By the clock and not by ticks, so that a late tick is caught up with.
            for (var due = (int)Math.Min(clock.Elapsed.TotalSeconds * RecordsPerSecond, seconds * RecordsPerSecond); n < due; n++)
                producer.Produce(topic, new Message<Null, byte[]> { Value = n % FailsEvery == 0 ? failing : good });
            sent(n);
        }
        producer.Flush();
        sent(n);
    }

    static async Task<(long Tried, long Succeeded)> CountAsync(NpgsqlDataSource store)
    {
        try
        {
            await using var command = store.CreateCommand("SELECT (SELECT count(*) FROM failing.attempts WHERE attempt = 1), (SELECT count(*) FROM failing.successes)");
            await using var reader = await command.ExecuteReaderAsync();
            await reader.ReadAsync();
            return (reader.GetInt64(0), reader.GetInt64(1));
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return (0, 0);
        }
    }
}
