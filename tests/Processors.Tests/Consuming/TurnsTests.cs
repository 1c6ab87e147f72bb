using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Tests.Consuming;

public sealed class TurnsTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_more_than_the_bound_are_out_and_the_next_comes_when_one_is_given_back()
    {
        var turns = new Turns(2);
        var first = await turns.TakeAsync(alone: false, Stop);
        await turns.TakeAsync(alone: false, Stop);
        var third = turns.TakeAsync(alone: false, Stop);
        Assert.False(third.IsCompleted);
        first.Dispose();
        await third.WaitAsync(TimeSpan.FromSeconds(10), Stop);
    }

    [Fact]
    public async Task One_that_is_to_be_alone_waits_for_all_others_and_keeps_later_ones_waiting()
    {
        var turns = new Turns(10);
        var first = await turns.TakeAsync(alone: false, Stop);
        var second = await turns.TakeAsync(alone: false, Stop);
        var alone = turns.TakeAsync(alone: true, Stop);
        var later = turns.TakeAsync(alone: false, Stop);
        first.Dispose();
        Assert.False(alone.IsCompleted);
        second.Dispose();
        var held = await alone.WaitAsync(TimeSpan.FromSeconds(10), Stop);
        Assert.False(later.IsCompleted);
        held.Dispose();
        await later.WaitAsync(TimeSpan.FromSeconds(10), Stop);
    }

    [Fact]
    public async Task Who_gives_up_waiting_holds_up_nobody()
    {
        var turns = new Turns(1);
        var first = await turns.TakeAsync(alone: false, Stop);
        using var impatient = new CancellationTokenSource();
        var alone = turns.TakeAsync(alone: true, impatient.Token);
        var later = turns.TakeAsync(alone: false, Stop);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => alone);
        first.Dispose();
        await later.WaitAsync(TimeSpan.FromSeconds(10), Stop);
    }

    [Fact]
    public async Task Under_load_from_all_sides_the_bound_and_the_solitude_hold()
    {
        const int max = 3;
        var turns = new Turns(max);
        int shared = 0, alone = 0, taken = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 500; i++)
            {
                var solitary = random.Next(5) == 0;
                using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Stop);
                if (random.Next(4) == 0)
                    impatient.CancelAfter(TimeSpan.FromMicroseconds(random.Next(200)));
                try
                {
                    using var turn = await turns.TakeAsync(solitary, impatient.Token);
                    var (others, solitaries) = (Interlocked.Increment(ref shared), solitary ? Interlocked.Increment(ref alone) : Volatile.Read(ref alone));
                    Assert.InRange(others, 1, solitary ? 1 : max);
                    Assert.Equal(solitary ? 1 : 0, solitaries);
                    await Task.Yield();
                    if (solitary)
                        Interlocked.Decrement(ref alone);
                    Interlocked.Decrement(ref shared);
                    Interlocked.Increment(ref taken);
                }
                catch (OperationCanceledException)
                {
                    // Given up; the next one counts.
                }
            }
        }, Stop)));
        Assert.True(taken > 1000, $"only {taken} turns were taken");
        using var last = await turns.TakeAsync(alone: true, Stop).WaitAsync(TimeSpan.FromSeconds(10), Stop);
    }
}
