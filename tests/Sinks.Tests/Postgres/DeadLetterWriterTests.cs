using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
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

    [Fact]
    public async Task No_text_of_a_cause_keeps_a_letter_from_being_written()
    {
        await using var store = await Store.MigratedAsync();
        var letter = new DeadLetter
        {
            Offset = 1, Tenant = "default", Fault = new EventFault(FaultReason.InfluxRefused), Headers = [], LoggedAtUs = 0, Value = [0xFF],
            Message = "half \uD83D and nul \0.",
        };
        await new DeadLetterWriter(store.Pool).WriteAsync(Store.Log() with { Consumer = "events-influx" }, [letter], TestContext.Current.CancellationToken);
        Assert.Equal(["half \uFFFD and nul ."], await store.Database.RowsAsync("SELECT message FROM control.dead_letters", r => r.GetString(0)));
    }
}
