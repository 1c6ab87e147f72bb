using Pipeline.Processors.Analysis.Requests;

namespace Pipeline.Processors.Tests.Analysis.Requests;

public sealed class WeightedTurnsTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Lets those who were given a place say so.</summary>
    static async Task SettleAsync(Func<bool> until)
    {
        for (var i = 0; i < 1000 && !until(); i++)
            await Task.Delay(1, Stop);
        Assert.True(until());
    }

    [Fact]
    public async Task While_all_lines_are_full_places_go_by_weight_and_none_starves()
    {
        var turns = new WeightedTurns(1, [8, 3, 1]);
        var order = new List<int>();
        var held = await turns.TakeAsync(0, Stop);
        var waiting = Enumerable.Range(0, 240).Select(i => WaitAsync(i % 3)).ToList();
        async Task WaitAsync(int line)
        {
            using var place = await turns.TakeAsync(line, Stop);
            lock (order)
                order.Add(line);
        }
        Assert.Equal([80, 80, 80], turns.Waiting);
        held.Dispose();
        await Task.WhenAll(waiting);
        // 120 places while nobody runs out: 80 of them to the first line.
        Assert.Equal([80, 30, 10], Enumerable.Range(0, 3).Select(line => order.Take(120).Count(l => l == line)));
        for (var from = 0; from < 120; from += 12)
            Assert.Equal([8, 3, 1], Enumerable.Range(0, 3).Select(line => order.Skip(from).Take(12).Count(l => l == line)));
    }

    [Fact]
    public async Task An_empty_line_leaves_its_share_to_the_others_and_gathers_none()
    {
        var turns = new WeightedTurns(1, [8, 3, 1]);
        for (var i = 0; i < 50; i++)
            (await turns.TakeAsync(2, Stop)).Dispose();
        var held = await turns.TakeAsync(2, Stop);
        var order = new List<int>();
        var waiting = Enumerable.Range(0, 24).Select(async i =>
        {
            using var place = await turns.TakeAsync(i % 2 == 0 ? 0 : 2, Stop);
            lock (order)
                order.Add(i % 2);
        }).ToList();
        held.Dispose();
        await Task.WhenAll(waiting);
        Assert.InRange(order.Take(9).Count(l => l == 0), 7, 8);
    }

    [Fact]
    public async Task Who_stops_waiting_takes_no_place()
    {
        var turns = new WeightedTurns(1, [1, 1]);
        var held = await turns.TakeAsync(0, Stop);
        using var cancel = new CancellationTokenSource();
        var gone = turns.TakeAsync(0, cancel.Token);
        var stays = turns.TakeAsync(1, Stop);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        held.Dispose();
        held.Dispose();
        using var place = await stays;
        Assert.Equal([0, 0], turns.Waiting);
        var next = turns.TakeAsync(0, Stop);
        Assert.False(next.IsCompleted);
        place.Dispose();
        await SettleAsync(() => next.IsCompletedSuccessfully);
    }
}
