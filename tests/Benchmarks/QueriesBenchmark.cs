using System.Diagnostics;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>
/// Statistics by HTTP from a store of twelve months: 50 questions a second of a seeded mix, open loop, with nothing arriving and while 10,000 events a second arrive, at one priority and with what writes
/// giving way to what answers (the broker and the processors; PostgreSQL's own sessions are all alike). Before that the same questions of a fifth of the store and of the whole of it.
/// </summary>
static class QueriesBenchmark
{
    const double QuestionsPerSecond = 50, ArrivingPerSecond = 10_000;
    const int Connections = 32, Arriving = 16, Seed = 11;

    static readonly (Question Question, string Name, double WantedMs)[] Rows =
    [
        (Question.UserMonth, "a user, a month", 15), (Question.UserAll, "a user, everything", 15), (Question.ProjectMonth, "a project, a month", 50),
        (Question.ProjectAll, "a project, everything", 50), (Question.Performance, "performance of a project, 24 h", 50),
    ];

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var time = TimeSpan.FromSeconds(quick ? 20 : 60);
        var warmth = TimeSpan.FromSeconds(quick ? 5 : 10);
        var arriving = (int)((time + warmth).TotalSeconds * ArrivingPerSecond);
        var year = quick ? new SimulatedYear(400, 40, 300_000, 3 * arriving) : new SimulatedYear(2000, 200, 5_000_000, 3 * arriving);
        var fifth = await AskFifthAsync(servers, report, year.Fifth, time / 2, warmth);

        await using var store = await Store.CreateAsync(servers, report, year);
        if (servers.InfluxV2)
            report.Line($"  {await StoredPerformance.WriteAsync(servers, store.Bucket, year.PerformanceOfToday(quick ? 30 : 120, DateTimeOffset.UtcNow)):N0} performance points of the last 24 h");
        else
            report.Line("  performance is not asked for: the bucket of its own needs InfluxDB 2, and this run has 1.x");
        await using var ingest = store.Ingest();
        var address = await ingest.ListeningAsync();
        await store.AskAsync(address, year, warmth, Seed);
        var same = await store.AskAsync(address, year.Fifth, time / 2, Seed + 1);
        foreach (var (question, name, _) in Rows.Where(r => r.Question != Question.Performance))
            report.Ratio($"p50 {name}: whole / fifth", same.Of(question, 0.5), fifth.Of(question, 0.5), "1, however many raw rows");

        var cpu = await CpuAsync(null);
        var idle = await store.AskAsync(address, year, time, Seed + 2);
        await PrintCpuAsync(cpu, null);
        await using var processors = store.Processors();
        await store.ConsumingAsync(processors);
        var drained = 0L;
        var busy = await BusyAsync("all at one priority");
        int[] writing = servers.KafkaProcess is { } broker ? [processors.Id, broker] : [processors.Id];
        if (writing.Any(p => !HostProcess.SetNice(p, 10)))
            throw new InvalidOperationException("renice did not take effect");
        var given = await BusyAsync(writing.Length > 1 ? "processors and broker at nice 10" : "processors at nice 10; the broker is not this run's own");
        // Once more as at first, against the order: what comes later has met the same questions before. Only root may take a nice back.
        var isTakenBack = writing.Count(p => HostProcess.SetNice(p, 0)) == writing.Length;
        Print(report, idle, busy, given, isTakenBack ? await BusyAsync("at one priority again") : null);

        async Task<Answers> BusyAsync(string how)
        {
            var requests = ArrivingEvents.Requests(address, store.Events, arriving, ArrivingPerSecond);
            // The last requests' garbage, hundreds of megabytes, now and not while questions have their instants.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            var load = HttpLoad.RunAsync(address, requests, ArrivingEvents.BatchEvents, Arriving, time + warmth, ArrivingPerSecond / ArrivingEvents.BatchEvents);
            // A host that has just been started compiles itself.
            await Task.Delay(warmth);
            var (before, paused, used) = (await store.StoredAsync(), GC.GetTotalPauseDuration(), await CpuAsync(processors));
            var answers = await store.AskAsync(address, year, time, Seed + 2);
            var stored = await store.StoredAsync() - before;
            await PrintCpuAsync(used, processors);
            paused = GC.GetTotalPauseDuration() - paused;
            var sent = await load;
            var waited = Stopwatch.StartNew();
            for (drained += arriving; await store.StoredAsync() < drained && waited.Elapsed < TimeSpan.FromMinutes(1);)
                await Task.Delay(20);
            report.Line($"  arrived meanwhile, {how}: {sent.EventsPerSecond:N0} events/s ({sent.Failures} batches failed, p99 {sent.Percentile(0.99):N1} ms); {stored / time.TotalSeconds:N0} events/s were stored; the clients' own collections paused them for {paused.TotalMilliseconds:N0} ms in all, and {waited.ElapsedMilliseconds:N0} ms after the last one everything was stored");
            return answers;
        }

        // What is not on this machine, or not known to be, is left out.
        async Task PrintCpuAsync((string Name, double? Seconds)[] before, HostProcess? processors) =>
            report.Line($"  CPU of {Environment.ProcessorCount} cores meanwhile: {string.Join(", ", (await CpuAsync(processors)).Zip(before).Where(p => p.First.Seconds is not null && p.Second.Seconds is not null)
                .Select(p => FormattableString.Invariant($"{p.First.Name} {(p.First.Seconds - p.Second.Seconds) / time.TotalSeconds:N2}")))}");

        async Task<(string Name, double? Seconds)[]> CpuAsync(HostProcess? processors) =>
        [
            ("Ingest", ingest.Cpu.TotalSeconds), ("processors", processors?.Cpu.TotalSeconds), ("PostgreSQL", await store.CpuAsync()), ("broker", StoreCpu.OfProcess(servers.KafkaProcess)),
            ("InfluxDB", StoreCpu.OfProcess(servers.InfluxProcess)), ("this client", Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds), ("everything", StoreCpu.OfMachine()),
        ];
    }

    /// <summary>The questions of a small store, whose people and projects are among those of the large one.</summary>
    static async Task<Answers> AskFifthAsync(Servers servers, Report report, SimulatedYear fifth, TimeSpan time, TimeSpan warmth)
    {
        await using var store = await Store.CreateAsync(servers, report, fifth);
        await using var ingest = store.Ingest();
        var address = await ingest.ListeningAsync();
        await store.AskAsync(address, fifth, warmth, Seed);
        return await store.AskAsync(address, fifth, time, Seed + 1);
    }

    /// <param name="busy">While events arrive.</param>
    /// <param name="given">While events arrive, and what writes them gives way.</param>
    /// <param name="again">As the busy ones, afterwards; null where priorities could not be taken back.</param>
    static void Print(Report report, Answers idle, Answers busy, Answers given, Answers? again)
    {
        report.Line($"  {"ms from the scheduled instant",-32}{"idle p50",10}{"idle p99",10}{"busy p50",10}{"busy p99",10}{"given p50",11}{"given p99",11}{"again p50",11}{"again p99",11}   wanted p99 while events arrive");
        foreach (var (question, name, wanted) in Rows.Where(r => idle.Count(r.Question) > 0))
            report.Line($"  {name,-32}{Ms(idle, question)}{Ms(busy, question)} {Ms(given, question)} {(again is null ? $"{"–",20}" : Ms(again, question))}"
                + FormattableString.Invariant($"   ≤ {wanted:N0}: {Met(busy, question, wanted)} at one priority, {Met(given, question, wanted)} with writing giving way ({given.Count(question)} asked)"));
        report.Line($"  {"SELECT 1 beside them, no HTTP",-32}{Twin(idle)}{Twin(busy)} {Twin(given)} {(again is null ? $"{"–",20}" : Twin(again))}   (the machine's part)");
        foreach (var (question, name, _) in Rows.Where(r => idle.Count(r.Question) > 0))
            report.Ratio($"p99 {name}: busy / idle", busy.Of(question, 0.99), idle.Of(question, 0.99), "(for orientation)");
        foreach (var (name, answers) in new[] { ("idle", idle), ("busy", busy), ("given", given), ("again", again ?? given) })
            if (answers.Load.Failures > 0)
                report.Line($"  {answers.Load.Failures} of {answers.Load.Requests} questions FAILED ({name})");

        static string Ms(Answers of, Question question) => FormattableString.Invariant($"{of.Of(question, 0.5),10:N1}{of.Of(question, 0.99),10:N1}");

        static string Met(Answers of, Question question, double wanted) => of.Of(question, 0.99) <= wanted ? "met" : "NOT MET";

        static string Twin(Answers of) => FormattableString.Invariant($"{of.Twin.Of(0.5),10:N1}{of.Twin.Of(0.99),10:N1}");
    }

    /// <summary>What was asked, and how long the answers took.</summary>
    /// <param name="Twin">What a statement that reads nothing took beside them.</param>
    sealed record Answers(LoadResult Load, List<(Question Question, string Path)> Asked, Twin Twin)
    {
        public double Of(Question question, double p) => Load.Percentile(p, i => Asked[i].Question == question);

        public int Count(Question question) => Load.Answers.Count(a => Asked[a.Request].Question == question);
    }

    /// <summary>A database with a year in it, a bucket, and the hosts that work on them.</summary>
    sealed class Store(Servers servers, SimulatedYear year, string database, string topic, string bucket) : IAsyncDisposable
    {
        readonly NpgsqlDataSource _looking = NpgsqlDataSource.Create(Servers.Keywords(database));

        /// <summary>What is not stored yet.</summary>
        public IEnumerator<DevTool.Simulation.SimulatedEvent> Events { get; } = year.Events().GetEnumerator();

        public string Bucket => bucket;

        public static async Task<Store> CreateAsync(Servers servers, Report report, SimulatedYear year)
        {
            var store = new Store(servers, year, await servers.NewDatabaseAsync(), await servers.NewTopicAsync("queries"), servers.InfluxV2 ? await InfluxBenchmark.NewBucketAsync(servers) : "");
            var (events, seconds) = await StoredYear.WriteAsync(store.Database, store.Events, year.Stored);
            report.Line($"  {events:N0} events of {year.Users:N0} users in {year.Projects:N0} projects over 12 months, stored in {seconds:N0} s; {await store.CountAsync("SELECT count(*) FROM pipeline.activity"):N0} rows of aggregates, "
                + $"{await store.CountAsync($"SELECT count(*) / {year.Fifth.Users} FROM pipeline.activity WHERE user_id IN (SELECT 'sim-user-' || lpad(n::text, 4, '0') FROM generate_series(1, {year.Fifth.Users}) AS n)"):N0} a user");
            return store;
        }

        public string Database => database;

        public HostProcess Ingest() => HostProcess.Ours(servers, "Ingest", Settings(new() { ["Pipeline__Kafka__EventsTopic"] = topic }));

        public HostProcess Processors() => HostProcess.Ours(servers, "Processors", Settings(new()
        {
            ["Pipeline__Kafka__EventTopics__0__Name"] = topic, ["Pipeline__Kafka__EventTopics__0__TrustHeaders"] = "true", ["Pipeline__Kafka__GroupPrefix"] = topic + ".",
            ["Pipeline__Processors__Roles"] = servers.InfluxV2 ? "events-postgres,events-influx" : "events-postgres",
        }));

        Dictionary<string, string> Settings(Dictionary<string, string> settings)
        {
            settings["Pipeline__Postgres__ConnectionString"] = database;
            if (!servers.InfluxV2)
                return settings;
            settings["Pipeline__Influx__Url"] = servers.Influx.ToString();
            settings["Pipeline__Influx__Token"] = servers.InfluxToken;
            settings["Pipeline__Influx__Org"] = servers.InfluxOrg;
            settings["Pipeline__Influx__Bucket"] = bucket;
            return settings;
        }

        public async Task<Answers> AskAsync(Uri ingest, SimulatedYear about, TimeSpan time, int seed)
        {
            var asked = QueryMix.Draw(about, SimulatedYear.From(about), (int)(time.TotalSeconds * QuestionsPerSecond) + 1, servers.InfluxV2, seed);
            var twin = Twin.AskAsync(_looking, time);
            var load = await HttpLoad.RunAsync(ingest, [.. asked.Select(a => HttpLoad.Question(ingest, a.Path))], 1, Connections, time, QuestionsPerSecond);
            return new Answers(load, asked, await twin);
        }

        /// <summary>Returns when the processors own every partition.</summary>
        public async Task ConsumingAsync(HostProcess processors)
        {
            for (var wait = System.Diagnostics.Stopwatch.StartNew(); await CountAsync($"SELECT count(*) FROM pipeline.offsets WHERE topic = '{topic}' AND owner IS NOT NULL") < Servers.Partitions;)
            {
                if (wait.Elapsed > TimeSpan.FromMinutes(1))
                    throw new InvalidOperationException($"the processors do not consume:\n{processors.LastLines}");
                await Task.Delay(100);
            }
        }

        /// <summary>Every offset passed is an event that was stored.</summary>
        public Task<long> StoredAsync() => CountAsync("SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM pipeline.offsets");

        public async Task<double?> CpuAsync() => await StoreCpu.SecondsAsync(_looking);

        async Task<long> CountAsync(string sql)
        {
            await using var command = _looking.CreateCommand(sql);
            return (long)(await command.ExecuteScalarAsync())!;
        }

        public async ValueTask DisposeAsync()
        {
            Events.Dispose();
            await _looking.DisposeAsync();
            await servers.DropTopicAsync(topic);
            await servers.DropDatabaseAsync(database);
            if (servers.InfluxV2)
                await InfluxBenchmark.DropBucketAsync(servers, bucket);
        }
    }
}
