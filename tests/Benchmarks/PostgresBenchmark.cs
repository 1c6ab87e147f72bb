using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Benchmarks;

/// <summary>Kafka → PostgreSQL: ours with ledger, rows and aggregates; Npgsql's COPY alone; Redpanda Connect with ON CONFLICT; Telegraf's COPY.</summary>
static class PostgresBenchmark
{
    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var trace = new Trace(servers.Repository);
        int count = quick ? 400_000 : 1_200_000, peerCount = quick ? 30_000 : 150_000;
        report.Line($"  input: {trace.Source}, {count} events with fresh ids for us, {peerCount} for the peers");
        var ours = await OursAsync(servers, report, trace, count, sameObjects: false);
        var changing = await OursAsync(servers, report, trace, count, sameObjects: true);
        var copy = await CopyAsync(servers, trace, quick ? 200_000 : 500_000);
        report.Figure("events-postgres", ours, "events/s");
        report.Figure("the same, every repetition about the same objects", changing, "events/s");
        report.Figure("COPY alone by Npgsql, three connections", copy, "events/s");
        report.Ratio("events-postgres / COPY alone", ours, copy, "(for orientation)");
        if (servers.Toolbox is null)
            return;
        var peerTopic = await servers.NewTopicAsync("peer");
        trace.Publish(servers.Kafka, peerTopic, peerCount, seed: 4, header: false);
        var connect = await PeerAsync(servers, report, "redpanda-connect-postgres.yaml", peerTopic, "peer_events", peerCount);
        report.Figure("Redpanda Connect, ON CONFLICT DO NOTHING", connect, "events/s");
        report.Ratio("events-postgres / Redpanda Connect", ours, connect, "≥ 5");
        var telegraf = await PeerAsync(servers, report, "telegraf-postgres.conf", peerTopic, "telegraf_events", peerCount);
        report.Figure("Telegraf, plain COPY", telegraf, "events/s");
        report.Ratio("events-postgres / Telegraf", ours, telegraf, "> 1");
        await servers.DropTopicAsync(peerTopic);
    }

    static async Task<double> OursAsync(Servers servers, Report report, Trace trace, int count, bool sameObjects)
    {
        var topic = await servers.NewTopicAsync("postgres");
        trace.Publish(servers.Kafka, topic, count, seed: 3, sameObjects: sameObjects);
        var database = await servers.NewDatabaseAsync();
        await using var host = HostProcess.Ours(servers, "Processors", new()
        {
            ["Pipeline__Kafka__EventTopics__0__Name"] = topic,
            ["Pipeline__Kafka__GroupPrefix"] = topic + ".",
            ["Pipeline__Postgres__ConnectionString"] = database,
            ["Pipeline__Processors__Roles"] = "events-postgres",
        });
        await using var store = NpgsqlDataSource.Create(Servers.Keywords(database));
        var progress = new Progress();
        var storeCpu = await StoreCpu.SecondsAsync(store);
        double memoryMax = 0, memoryMiddle = 0;
        long done;
        do
        {
            await Task.Delay(100);
            done = await CountAsync(store, "SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM pipeline.offsets");
            progress.Note(done);
            memoryMax = Math.Max(memoryMax, host.ResidentMiB);
            if (done < count / 2)
                memoryMiddle = Math.Max(memoryMiddle, host.ResidentMiB);
        }
        while (done < count && progress.Alive);
        if (done < count)
            throw new InvalidOperationException($"stopped at {done} of {count}:\n{host.LastLines}");
        var difference = await CountAsync(store, "SELECT sum(abs(difference))::bigint FROM pipeline.conservation");
        var ledger = await CountAsync(store, "SELECT count(*) FROM pipeline.event_ledger");
        report.Line($"  ledger {ledger} of {count}, conservation difference {difference}");
        await CpuAsync(report, "ours", host, store, storeCpu, count);
        report.Figure("memory, most", memoryMax, "MiB", $"wanted ≤ 300; in the first half {memoryMiddle:N0}");
        await store.DisposeAsync();
        await servers.DropDatabaseAsync(database);
        await servers.DropTopicAsync(topic);
        return progress.Rate;
    }

    static async Task<double> PeerAsync(Servers servers, Report report, string configuration, string topic, string table, int count)
    {
        var database = await servers.NewDatabaseAsync();
        await using var store = NpgsqlDataSource.Create(Servers.Keywords(database));
        if (table == "peer_events")
            await using (var create = store.CreateCommand($"CREATE TABLE {table} (event_id text primary key, event_type text, ts timestamptz, user_id text, project_id text, tool text, data jsonb)"))
                await create.ExecuteNonQueryAsync();
        var uri = new Uri(database);
        var user = uri.UserInfo.Split(':');
        await using var peer = HostProcess.Peer(servers, configuration, new()
        {
            ["KAFKA"] = servers.Kafka, ["TOPIC"] = topic, ["GROUP"] = $"{topic}.{table}", ["TABLE"] = table, ["POSTGRES_URL"] = database + "?sslmode=disable",
            ["POSTGRES"] = $"host={uri.Host} port={uri.Port} user={user[0]} password={user[1]} dbname={uri.AbsolutePath.TrimStart('/')} sslmode=disable",
        })!;
        var progress = new Progress();
        var storeCpu = await StoreCpu.SecondsAsync(store);
        long done = 0;
        do
        {
            await Task.Delay(100);
            try
            {
                done = await CountAsync(store, $"SELECT count(*) FROM {table}");
                progress.Note(done);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                progress.Note(0);
            }
        }
        while (done < count && progress.Alive);
        if (done < count)
            Console.WriteLine($"  {configuration}: stopped at {done} of {count}; its last lines:\n{peer.LastLines}");
        await CpuAsync(report, configuration, peer, store, storeCpu, count);
        await peer.DisposeAsync();
        await store.DisposeAsync();
        await servers.DropDatabaseAsync(database);
        return progress.Rate;
    }

    /// <summary>The same columns by COPY into a plain table: no broker, no parsing, no ledger, no aggregates.</summary>
    static async Task<double> CopyAsync(Servers servers, Trace trace, int count)
    {
        var database = await servers.NewDatabaseAsync();
        await using var store = NpgsqlDataSource.Create(Servers.Keywords(database));
        await using (var create = store.CreateCommand("CREATE TABLE twin (at bigint, logged_at timestamptz, event_id uuid, user_id text, header bytea, value bytea)"))
            await create.ExecuteNonQueryAsync();
        var rows = Enumerable.Range(0, count).Select(i => trace.Event(i, 5)).ToArray();
        var header = new byte[60];
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(part => Task.Run(async () =>
        {
            await using var connection = await store.OpenConnectionAsync();
            for (var start = part * 5000; start < count; start += 15_000)
            {
                await using var importer = await connection.BeginBinaryImportAsync("COPY twin FROM STDIN (FORMAT binary)");
                for (var i = start; i < Math.Min(start + 5000, count); i++)
                {
                    await importer.StartRowAsync();
                    await importer.WriteAsync((long)i, NpgsqlDbType.Bigint);
                    await importer.WriteAsync(DateTime.UnixEpoch, NpgsqlDbType.TimestampTz);
                    await importer.WriteAsync(Trace.IdOf(i, 5), NpgsqlDbType.Uuid);
                    await importer.WriteAsync("u-e6b3307ed5", NpgsqlDbType.Text);
                    await importer.WriteAsync(header, NpgsqlDbType.Bytea);
                    await importer.WriteAsync(rows[i], NpgsqlDbType.Bytea);
                }
                await importer.CompleteAsync();
            }
        })));
        var rate = count / clock.Elapsed.TotalSeconds;
        await store.DisposeAsync();
        await servers.DropDatabaseAsync(database);
        return rate;
    }

    static async Task CpuAsync(Report report, string name, HostProcess process, NpgsqlDataSource store, double? storeBefore, int count)
    {
        var own = process.Cpu.TotalSeconds / count * 1e6;
        if (await StoreCpu.SecondsAsync(store) - storeBefore is { } seconds)
            report.Line($"  CPU a million events, {name}: process {own:N1} s + PostgreSQL {seconds / count * 1e6:N1} s = {own + (seconds / count * 1e6):N1} s");
    }

    static async Task<long> CountAsync(NpgsqlDataSource store, string sql)
    {
        try
        {
            await using var command = store.CreateCommand(sql);
            return (long)(await command.ExecuteScalarAsync())!;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable && sql.Contains("pipeline.", StringComparison.Ordinal))
        {
            // The host has not made its schema yet.
            return 0;
        }
    }
}

/// <summary>A rate from a counter that is looked at now and then: from the first movement to the last.</summary>
sealed class Progress
{
    readonly Stopwatch _clock = Stopwatch.StartNew();
    TimeSpan _first, _last;
    long _atFirst = -1, _atLast;

    public void Note(long count)
    {
        if (count <= _atLast)
            return;
        if (_atFirst < 0)
            (_first, _atFirst) = (_clock.Elapsed, count);
        (_last, _atLast) = (_clock.Elapsed, count);
    }

    public bool Alive => _clock.Elapsed - _last < TimeSpan.FromSeconds(45);

    public double Rate => (_atLast - _atFirst) / (_last - _first).TotalSeconds;
}
