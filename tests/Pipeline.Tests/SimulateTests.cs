using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>What <c>./dev simulate</c> sends arrives as what it is. Its time is the past, so that the events are never later than the machine's clock.</summary>
public sealed class SimulateTests : IDisposable
{
    const string Work = "--users 8 --days 4 --rate 60 --seed 3 --until 2024-06-14T20:00:00Z";

    readonly string _file = Path.Combine(Path.GetTempPath(), $"simulate-{Guid.NewGuid():N}.ndjson");

    [Fact]
    public async Task Published_to_the_topic_it_is_stored_exactly_once_and_late_where_it_was()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(withInflux: true);
        await pipeline.StartProcessorsAsync();
        const string options = $"{Work} --late 0.05 --duplicates 0.05";
        var events = await WrittenAsync(options);
        await SimulateAsync($"{options} --to topic --topic {pipeline.Topic.Name}", $"KAFKA={TestServers.Kafka}");

        var once = events.DistinctBy(e => e.Id).ToList();
        Assert.InRange(events.Count - once.Count, once.Count / 25, once.Count / 16);
        await new Expected(once, events.Count).AssertStoredAsync(pipeline);
        await Until.TrueAsync($"InfluxDB holds {once.Count} points", TimeSpan.FromSeconds(60), pipeline.Influx!.PointsAsync, points => points == Points.Of(once));
        // The header tells the receipt of the past: but for the late ones events came within seconds, and none from the day of this run.
        var late = await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events WHERE received_at - occurred_at > interval '5 min'");
        Assert.InRange(late, once.Count / 25, once.Count / 16);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events WHERE received_at - occurred_at > interval '7 h'"));
    }

    [Fact]
    public async Task Sent_by_HTTP_from_wrong_clocks_it_is_stored_at_the_times_at_which_it_happened()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(3);
        await pipeline.StartProcessorsAsync();
        var ingest = await pipeline.StartIngestAsync();
        var events = await WrittenAsync(Work);
        await SimulateAsync($"{Work} --skew 0.5", $"INGEST_URL={ingest.Url}");

        await pipeline.StoredToTheEndAsync();
        Assert.Equal(new Outcomes(Stored: events.Count), await pipeline.Database.OutcomesAsync());
        var happened = events.ToDictionary(e => Guid.Parse(e.Id!), e => e.Timestamp);
        var stored = await pipeline.Database.RowsAsync("SELECT event_id, occurred_at FROM rev_1.events", r => (Id: r.GetGuid(0), At: r.GetDateTime(1)));
        var off = stored.Select(s => (s.At - happened[s.Id]).TotalSeconds).ToList();
        // As far off as the request was long, and not by the minutes to hours of the clocks.
        Assert.All(off, seconds => Assert.InRange(seconds, 0, 20));
        Assert.InRange(off.Count(seconds => seconds > 0), events.Count / 5, events.Count * 4 / 5);
    }

    async Task<List<RawEvent>> WrittenAsync(string options)
    {
        await SimulateAsync($"{options} --out {_file}", "INGEST_URL=");
        return [.. File.ReadLines(_file).Select(RawEvent.Read)];
    }

    static async Task SimulateAsync(string options, string environment)
    {
        var (exitCode, output) = await Bash.RunAsync($"{environment} ./dev simulate {options}", TimeSpan.FromMinutes(2));
        Seeds.Say(output);
        Assert.True(exitCode == 0, output);
    }

    public void Dispose() => File.Delete(_file);
}
