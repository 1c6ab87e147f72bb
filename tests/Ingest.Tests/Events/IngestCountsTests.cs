using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Ingest.Tests.Statistics;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

/// <summary>What never became an event is counted beside the requests.</summary>
public sealed class IngestCountsTests
{
    [Fact]
    public async Task What_was_refused_and_dropped_is_shown_once_the_store_has_it_and_none_is_lost_at_a_stop()
    {
        await using var host = await StatisticsHost.StartAsync();
        // While the store does not take them, requests go on and counts wait.
        var locked = await host.Database!.LockAsync("control.ingest_counts");
        (await host.PostAsync("""{"batch_id":"b","metadata":{"dropped":7,"tool":"t"},"events":[{},[]]}""")).IsProblem(422, "nothing_valid");
        (await host.PostAsync("{")).IsProblem(400, "malformed_json");
        await host.Process.LoggedAsync("wait for the store", TimeSpan.FromSeconds(30));
        await locked.DisposeAsync();
        await Until.TrueAsync("the counts are shown", TimeSpan.FromSeconds(30), async () => (await host.GetAsync("/api/v1/stats/quality")).Json.GetProperty("client_dropped").GetInt32() > 0);
        var quality = (await host.GetAsync("/api/v1/stats/quality")).Json;
        Assert.Equal((7, """{"missing_field":1,"not_an_object":1}""", """{"malformed_json":1}"""), (quality.GetProperty("client_dropped").GetInt32(), quality.GetProperty("rejected").GetRawText(), quality.GetProperty("refused_batches").GetRawText()));
        Assert.Contains("crash", quality.GetProperty("notes").GetRawText(), StringComparison.Ordinal);

        // What is no whole number from 0 on is passed over; a batch that is to be sent again brings its number again.
        foreach (var dropped in (string[])["-1", "1.5", "1e30", "\"3\"", "null", "[5]", "{\"a\":1}", "1000000001"])
            (await host.PostAsync($$"""{"batch_id":"b","metadata":{"dropped":{{dropped}}},"events":[{}]}""")).IsProblem(422, "nothing_valid");
        (await host.PostAsync($$"""{"batch_id":"b","metadata":{"dropped":1000},"events":[{{Performance}}]}""")).IsProblem(503, "broker_unavailable");
        (await host.PostAsync("""{"batch_id":"b","metadata":{"dropped":1},"events":[{}]}""")).IsProblem(422, "nothing_valid");
        Assert.Equal(0, await host.Process.StopAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal((8, 10), (await SumAsync(host, "client_dropped", ""), await SumAsync(host, "rejected", "missing_field")));
    }

    [Fact]
    public async Task Counts_that_the_store_does_not_take_are_kept_within_a_bound()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=1");
        using var counts = new IngestCounts(new IngestCountWriter(nowhere), TimeProvider.System, NullLogger<IngestCounts>.Instance);
        for (var i = 0; i < IngestCounts.HeldMax + 10; i++)
            counts.Add("tenant", IngestCount.Rejected, $"reason-{i}", 1);
        Assert.False(await counts.FlushAsync());
        Assert.Equal(IngestCounts.HeldMax, counts.Held);
    }

    static Task<int> SumAsync(IngestUnderTest host, string kind, string reason) =>
        host.Database!.ValueAsync<int>("SELECT coalesce(sum(n), 0)::int FROM control.ingest_counts WHERE tenant = 'default' AND kind = $1 AND reason = $2", kind, reason);
}
