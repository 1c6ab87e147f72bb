using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Events;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using static Pipeline.Processors.Tests.Records;

namespace Pipeline.Processors.Tests.Events;

public sealed class PointWriterTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_counted_before_a_write_failed_stays_counted()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        // Too large, half of it still too large, a quarter stored; then it is down.
        var server = AnswerAsync(listener, "413 Payload Too Large", "413 Payload Too Large", "204 No Content", "503 Service Unavailable");
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = ActivatorUtilities.CreateInstance<ProcessorMetrics>(services, TimeProvider.System);
        await using var database = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1");
        using var letters = new DeadLetterWriter(database);
        using var influx = new InfluxWriter(new InfluxOptions { Url = new Uri($"http://{listener.LocalEndpoint}/") });
        var writer = new PointWriter(influx, letters, new Breakers(new BreakerOptions(), TimeProvider.System, metrics, NullLogger<Breakers>.Instance), metrics, NullLogger<PointWriter>.Instance);
        var counted = PartitionCounts.None;
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => writer.WriteAsync(new LogPlace("events-influx", "t", "id", 0), Points(4), (0, 4), counts => counted += counts, Stop));
        Assert.Equal(new PartitionCounts(HalvedWrites: 2), counted);
        await server;
    }

    static PointBatch Points(int n)
    {
        var record = new EventRecord(new TopicOptions { Name = "t" }, "id", TimeProvider.System);
        var points = new PointBatch();
        for (var i = 0; i < n; i++)
        {
            var read = Record(i, """{"event_type":"performance","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data":{"fps":60}}""".Bytes());
            Assert.Equal(EventFault.None, record.Read(read));
            points.Add(read, record);
        }
        return points;
    }

    /// <summary>Reads a request and answers it, one connection each.</summary>
    static async Task AnswerAsync(TcpListener listener, params string[] answers)
    {
        foreach (var answer in answers)
        {
            using var client = await listener.AcceptTcpClientAsync(Stop);
            await using var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.UTF8, leaveOpen: true);
            var left = 0;
            while (await reader.ReadLineAsync(Stop) is { Length: > 0 } line)
                if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                    left = int.Parse(line.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
            var body = new char[left];
            await reader.ReadBlockAsync(body, Stop);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {answer}\r\nConnection: close\r\n{(answer.StartsWith("204", StringComparison.Ordinal) ? "" : "Content-Length: 0\r\n")}\r\n"), Stop);
        }
    }
}
