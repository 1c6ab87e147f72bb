using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Pipeline.Contracts;

namespace Pipeline.Benchmarks;

/// <summary>HTTP → Kafka: batches of 100 real events, acks=all, lz4, 12 partitions. Ours, Confluent.Kafka alone, and Redpanda Connect.</summary>
static class IngestBenchmark
{
    const int BatchEvents = 100;
    const int Connections = 32;

    public static async Task RunAsync(Servers servers, Report report, bool quick)
    {
        var trace = new Trace(servers.Repository);
        var topic = await servers.NewTopicAsync("ingest");
        var database = await servers.NewDatabaseAsync();
        report.Line($"  input: {trace.Source}, {trace.Count} events, batches of {BatchEvents}");
        await using var host = HostProcess.Ours(servers, "Ingest", new() { ["Pipeline__Kafka__EventsTopic"] = topic, ["Pipeline__Postgres__ConnectionString"] = database });
        var ours = await host.ListeningAsync();
        var port = FreePort();
        await using var peer = HostProcess.Peer(servers, "redpanda-connect-ingest.yaml", new() { ["LISTEN"] = $"127.0.0.1:{port}", ["KAFKA"] = servers.Kafka, ["TOPIC"] = topic });
        var theirs = new Uri($"http://127.0.0.1:{port}");
        await WaitAsync(ours.Port);
        if (peer is not null)
            await WaitAsync(port);
        var batches = trace.Batches(BatchEvents, seed: 1).ToList();
        List<byte[]> requests = [.. batches.Select(b => HttpLoad.Request(ours, b))], peerRequests = [.. batches.Select(b => HttpLoad.Request(theirs, b))];
        var time = TimeSpan.FromSeconds(quick ? 3 : 8);
        List<double> rates = [], raw = [], peers = [];
        await HttpLoad.RunAsync(ours, requests, BatchEvents, Connections, time);
        for (var round = 0; round < (quick ? 2 : 5); round++)
        {
            rates.Add((await HttpLoad.RunAsync(ours, requests, BatchEvents, Connections, time)).EventsPerSecond);
            raw.Add(Raw(servers, topic, trace, (int)(time.TotalSeconds * 100_000)).EventsPerSecond);
            if (peer is not null)
                peers.Add((await HttpLoad.RunAsync(theirs, peerRequests, BatchEvents, Connections, time)).EventsPerSecond);
        }
        double rate = Report.Median(rates), twin = Report.Median(raw);
        report.Figure("ingest", rate, "events/s");
        report.Figure("raw producer, one header", twin, "events/s");
        report.Ratio("ingest / raw producer", rate, twin, "≥ 0.40");
        if (peers.Count > 0)
        {
            report.Figure("Redpanda Connect", Report.Median(peers), "events/s");
            report.Ratio("ingest / Redpanda Connect", rate, Report.Median(peers), "≥ 3");
        }
        await AllocationsAsync(servers, report, topic, trace, ours, requests, time);
        await ClientsAsync(report, ours, requests, rate, time);
        report.Figure("memory after the run", host.ResidentMiB, "MiB");
        await servers.DropTopicAsync(topic);
        await servers.DropDatabaseAsync(database);
    }

    static async Task ClientsAsync(Report report, Uri ours, List<byte[]> requests, double rate, TimeSpan time)
    {
        var half = await HttpLoad.RunAsync(ours, requests, BatchEvents, Connections, time, rate / 2 / BatchEvents);
        report.Figure("p50 of a batch at half load (open loop)", half.Percentile(0.50), "ms");
        report.Figure("p99 of a batch at half load (open loop)", half.Percentile(0.99), "ms", "wanted < 50");
        var many = await HttpLoad.RunAsync(ours, requests, BatchEvents, 1000, time);
        report.Figure("1,000 clients at once", many.EventsPerSecond, "events/s", $"{many.Requests} batches, {many.Failures} failed, p99 {many.Percentile(0.99).ToString("N0", CultureInfo.InvariantCulture)} ms");
    }

    static async Task AllocationsAsync(Servers servers, Report report, string topic, Trace trace, Uri ours, List<byte[]> requests, TimeSpan time)
    {
        var before = await AllocatedAsync(ours);
        var load = await HttpLoad.RunAsync(ours, requests, BatchEvents, Connections, time);
        var perEvent = (await AllocatedAsync(ours) - before) / (load.Requests * BatchEvents);
        var client = Raw(servers, topic, trace, 200_000).BytesPerEvent;
        report.Figure("allocated by ingest", perEvent, "B/event");
        report.Figure("allocated by the client's produce call", client, "B/event");
        report.Figure("ingest over the client", perEvent - client, "B/event", "wanted ≤ 250");
    }

    static async Task<double> AllocatedAsync(Uri host)
    {
        using var http = new HttpClient { BaseAddress = host };
        var line = (await http.GetStringAsync("metrics")).Split('\n').First(l => l.StartsWith("dotnet_gc_heap_total_allocated", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture);
    }

    /// <summary>The same messages and header through the client alone: arrays made before, delivery reports counted.</summary>
    static (double EventsPerSecond, double BytesPerEvent) Raw(Servers servers, string topic, Trace trace, int count)
    {
        var values = Enumerable.Range(0, Math.Min(count, trace.Count)).Select(i => (Key: trace.User(i), Value: trace.Event(i, 2))).ToArray();
        var header = new IngestHeader(1, "default", "bench-1-100", 50, null, "bench", "1.0.0").Encode();
        using var producer = RawProducer.Build(servers.Kafka);
        var delivered = 0;
        void Done(Confluent.Kafka.DeliveryReport<byte[], byte[]> report) => Interlocked.Increment(ref delivered);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
            RawProducer.Produce(producer, topic, values[i % values.Length].Key, values[i % values.Length].Value, header, Done);
        producer.Flush(TimeSpan.FromMinutes(1));
        var seconds = clock.Elapsed.TotalSeconds;
        return (delivered / seconds, (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)count);
    }

    static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    static async Task WaitAsync(int port)
    {
        for (var deadline = Stopwatch.StartNew(); ;)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (deadline.Elapsed < TimeSpan.FromSeconds(30))
            {
                await Task.Delay(100);
            }
        }
    }
}
