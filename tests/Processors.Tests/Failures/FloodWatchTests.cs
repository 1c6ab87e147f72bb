using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Failures;

public sealed class FloodWatchTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_flood_lasts_one_window_however_wrong_the_clock_of_the_host_is(int hours)
    {
        await using var database = await TestDatabase.CreateAsync($"flood_{Environment.ProcessId}_{hours + 1}");
        await using var pool = NpgsqlDataSource.Create(new PostgresOptions { ConnectionString = database.Uri }.Build("pipeline-under-test"));
        await new Migrations(pool).ApplyAsync(Stop);
        var clock = new ManualClock(DateTimeOffset.UtcNow.AddHours(hours));
        var quota = new DeadLetterQuota(new DeadLetterQuotaOptions(), clock);
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var watch = new FloodWatch(quota, new FloodWriter(pool), ActivatorUtilities.CreateInstance<ProcessorMetrics>(services, clock), clock, NullLogger<FloodWatch>.Instance);
        await watch.StartAsync(Stop);
        quota.Count("t", 1000, 1000);
        await Until.TrueAsync("it waits for its next look", TimeSpan.FromSeconds(10), () => clock.Waiting == 1);
        clock.Advance(TimeSpan.FromSeconds(2));
        var floods = await Until.TrueAsync("the flood is told", TimeSpan.FromSeconds(10), () => new FloodReader(pool).ReadAsync(Stop), f => f.Count == 1);
        Assert.InRange(floods[0].Remaining, TimeSpan.FromSeconds(40), TimeSpan.FromSeconds(58));
        await watch.StopAsync(Stop);
    }
}
