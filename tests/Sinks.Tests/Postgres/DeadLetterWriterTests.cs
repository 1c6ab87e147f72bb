using Pipeline.Sinks.Postgres;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class DeadLetterWriterTests
{
    [Fact]
    public async Task Letters_of_one_place_are_kept_once_and_shown_beside_those_of_the_revision()
    {
        await using var store = await Store.MigratedAsync();
        var stop = TestContext.Current.CancellationToken;
        var letters = new DeadLetterWriter(store.Pool);
        var log = Store.Log() with { Consumer = "events-influx" };
        await letters.WriteAsync(log, [], stop);
        await letters.WriteAsync(log, [Letter(1), Letter(2)], stop);
        await letters.WriteAsync(log, [Letter(2), Letter(3)], stop);
        Assert.Equal(3, await store.CountAsync("control.dead_letters"));
        var owner = await store.OwnerAsync();
        var batch = Batch(0, 1);
        batch.DeadLetters.Add(Letter(0));
        await owner.WriteAsync(batch, stop);
        Assert.Equal(4, await store.CountAsync("pipeline.dead_letters"));
    }
}
