using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Dead letters of the events road are told to RabbitMQ, whatever ends in between.</summary>
public sealed class OutboxTests
{
    const int Letters = 1700;
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("BeforeConfirm")]
    [InlineData("AfterConfirm")]
    public async Task Killed_around_the_confirm_its_successor_goes_on_in_order_and_no_letter_is_left_out(string point)
    {
        await using var queues = RabbitQueues.Create();
        await using var pipeline = await PipelineUnderTest.CreateAsync(3);
        await pipeline.Topic.PublishAsync(Enumerable.Range(0, Letters).Select(i => new TopicRecord(null, "not json"u8.ToArray(), i % 3)));
        await pipeline.StartProcessorsAsync();
        await pipeline.StoredToTheEndAsync();
        var watch = await queues.WatchAsync();
        (string, string)[] settings = [.. queues.Settings, ("Pipeline__Processors__Roles", "failures")];

        var killed = pipeline.LaunchProcessors([.. settings, ("PIPELINE_ARMED", $"{point}:KILL:2")]);
        Assert.Equal(128 + HostProcess.SigKill, await killed.ExitAsync(Within));
        Assert.Equal(Letters - 500, await UnpublishedAsync(pipeline));
        pipeline.LaunchProcessors(settings);
        await Until.TrueAsync("all are told", Within, () => UnpublishedAsync(pipeline), n => n == 0);

        var told = await queues.TakeAllAsync(watch);
        Seeds.Say($"{told.Count} messages for {Letters} letters");
        Assert.InRange(told.Count, Letters, Letters + 500);
        var places = told.Distinct().Select(id => id.Split('/')).Select(p => (p[1], int.Parse(p[^2], null), long.Parse(p[^1], null))).ToList();
        Assert.Equal(Letters, places.Count);
        Assert.Equal(places.OrderBy(p => p.Item2).ThenBy(p => p.Item3), places);
        // Their own receiver knows them all.
        await Until.TrueAsync("the queue is empty", Within, async () => await queues.CountAsync(queues.DeadLetters) == 0);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.dead_letters"));
    }

    [Fact]
    public async Task Without_RabbitMQ_the_events_road_goes_on_and_the_letters_are_told_later()
    {
        await using var rabbit = await OwnRabbit.StartAsync();
        await using var queues = RabbitQueues.Create(rabbit);
        await using var pipeline = await PipelineUnderTest.CreateAsync(3);
        await rabbit.KillAsync();
        var host = await pipeline.StartProcessorsAsync([.. queues.Settings, ("Pipeline__Processors__Roles", "events-postgres,failures")]);
        await pipeline.Topic.PublishAsync(Enumerable.Range(0, Letters).Select(i => new TopicRecord(null, "not json"u8.ToArray(), i % 3)));
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(Letters, await UnpublishedAsync(pipeline));
        await Until.TrueAsync("health says it", Within, async () => (await PipelineUnderTest.Http.GetStringAnyAsync(new Uri(host.Url, "health"))).Contains("RabbitMQ cannot be reached", StringComparison.Ordinal));
        await rabbit.StartAgainAsync();
        await Until.TrueAsync("all are told", Within, () => UnpublishedAsync(pipeline), n => n == 0);
        await Until.TrueAsync("the host is ready", Within, async () => (await PipelineUnderTest.Http.GetAsync(new Uri(host.Url, "health/ready"))).IsSuccessStatusCode);
    }

    static Task<long> UnpublishedAsync(PipelineUnderTest pipeline) => pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters WHERE published_at IS NULL");
}
