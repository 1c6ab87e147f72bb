using Npgsql;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Events;

public sealed class KilledRecordsTests
{
    static readonly LogPlace Log = new("events-influx", "t", "id", 0);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_events_postgres_has_not_passed_is_waited_for_while_it_goes_on()
    {
        await using var database = await TestDatabase.CreateAsync($"killed_{Environment.ProcessId}");
        await using var pool = NpgsqlDataSource.Create(new PostgresOptions { ConnectionString = database.Uri }.Build("pipeline-under-test"));
        var killed = new KilledRecords(pool);
        var clock = new ManualClock(DateTimeOffset.UnixEpoch);
        Task Passed(int seconds = 30) => killed.PassedAsync(Log, 100, TimeSpan.FromSeconds(seconds), clock, Stop);

        // No patience where events-postgres runs in no process of ours, and an end of it without a schema, or without the log.
        await Passed(seconds: 0);
        await StandsStillAsync(Passed());
        await new Migrations(pool).ApplyAsync(Stop);
        await StandsStillAsync(Passed());

        await database.RowsAsync("INSERT INTO rev_1.offsets (consumer, topic_id, partition, topic, first_offset, next_offset) VALUES ('events-postgres', 'id', 0, 't', 0, 10)", _ => 0);
        var waiting = Passed();
        foreach (var next in (int[])[20, 30, 40])
        {
            await WaitsAsync();
            await database.RowsAsync($"UPDATE rev_1.offsets SET next_offset = {next}", _ => 0);
            await LookAsync(TimeSpan.FromSeconds(20));
            await WaitsAsync();
        }
        Assert.False(waiting.IsCompleted);
        await database.RowsAsync("UPDATE rev_1.offsets SET next_offset = 100", _ => 0);
        await LookAsync(TimeSpan.FromSeconds(1));
        await waiting.WaitAsync(TimeSpan.FromSeconds(10), Stop);

        Task WaitsAsync() => Until.TrueAsync("it waits for its next look", TimeSpan.FromSeconds(10), () => clock.Waiting > 0);

        async Task LookAsync(TimeSpan by)
        {
            await WaitsAsync();
            clock.Advance(by);
        }

        async Task StandsStillAsync(Task waiting)
        {
            await LookAsync(TimeSpan.FromSeconds(29));
            Assert.False(waiting.IsCompleted);
            await LookAsync(TimeSpan.FromSeconds(2));
            await waiting.WaitAsync(TimeSpan.FromSeconds(10), Stop);
        }
    }
}
