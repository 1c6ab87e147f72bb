using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

/// <summary>Objects of batches large enough to be entered without looking for them first.</summary>
public sealed class SubjectWriterTests
{
    const int Large = 600;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Objects_that_are_known_after_all_are_changed_and_the_others_entered()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Of(0, Enumerable.Range(0, Large), EventAction.Create, ObjectSource.Model), Stop);
        Assert.Equal("600 600 600 0 0 0", await FiguresAsync(store));
        // Half of these are known: changed after they were completed.
        await writer.WriteAsync(Of(Large, Enumerable.Range(Large / 2, Large), EventAction.Update), Stop);
        Assert.Equal("900 600 600 300 0 0", await FiguresAsync(store));
        await writer.WriteAsync(Of(2 * Large, Enumerable.Range(0, Large), EventAction.Save), Stop);
        Assert.Equal("900 600 600 300 600 0", await FiguresAsync(store));
        // All new, careful; all new, at once; known again.
        await writer.WriteAsync(Of(3 * Large, Enumerable.Range(10_000, Large), EventAction.Complete), Stop);
        await writer.WriteAsync(Of(4 * Large, Enumerable.Range(20_000, Large), EventAction.Save), Stop);
        await writer.WriteAsync(Of(5 * Large, Enumerable.Range(20_000, Large), EventAction.Delete), Stop);
        Assert.Equal("2100 1200 600 300 1200 600", await FiguresAsync(store));
        Assert.Equal(2100, await store.CountAsync("rev_1.objects"));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Logs_that_enter_the_same_objects_at_once_count_each_once()
    {
        await using var store = await Store.MigratedAsync();
        const int logs = 3, rounds = 4;
        var writers = await Task.WhenAll(Enumerable.Range(0, logs).Select(p => store.OwnerAsync(p)));
        for (var round = 0; round < rounds; round++)
        {
            var objects = Enumerable.Range(round * 1000, Large);
            await Task.WhenAll(writers.Select((w, log) => WriteAsync(w, log, from => Of(from, objects, EventAction.Complete, log: log))));
        }
        Assert.Equal($"{rounds * Large} {rounds * Large} 0 0 0 0", await FiguresAsync(store));
        Assert.Equal(rounds * Large, await store.CountAsync("rev_1.objects"));
        await store.AssertConservedAsync();
    }

    /// <summary>As the road does it: a batch that met another is tried again when the log is acquired again.</summary>
    static async Task WriteAsync(EventWriter writer, int log, Func<long, EventBatch> batch)
    {
        for (var attempt = 0; ; attempt++)
            try
            {
                await writer.WriteAsync(batch(writer.NextOffset), Stop);
                return;
            }
            catch (FencedException) when (attempt < 20)
            {
                await writer.AcquireAsync(Store.Log(log), new LogExtent(0, 1_000_000), Stop);
            }
    }

    static EventBatch Of(long from, IEnumerable<int> objects, EventAction action, ObjectSource source = ObjectSource.None, int log = 0) =>
        Batch(from, from + Large, objects.Select((o, i) => new EventRow
        {
            Offset = from + i, EventId = new Guid((int)(from + i), (short)log, 0, 0, 0, 0, 0, 0, 0, 0, 0), Type = EventType.Annotation, OccurredAtUs = Monday + (from * 10), ReceivedAtUs = Monday,
            LoggedAtUs = Monday, Tenant = "default", UserId = $"u{log}", ProjectId = "p", Tool = "tool", AnnotationType = "box", Success = true, Action = action, ObjectId = $"object-{o}",
            Source = source, Value = [1], Digest = [2],
        }));

    static Task<string> FiguresAsync(Store store) => store.Database.ValueAsync<string>("""
        SELECT concat_ws(' ', (SELECT count(*) FROM rev_1.objects), coalesce(sum(completed), 0), coalesce(sum(from_model), 0), coalesce(sum(from_model_changed), 0), coalesce(sum(objects_saved), 0), coalesce(sum(objects_reworked), 0))
        FROM rev_1.activity
        """);
}
