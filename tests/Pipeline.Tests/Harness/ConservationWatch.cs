using Npgsql;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>
/// Looks at <c>pipeline.conservation</c> all the time, each look one statement and so one snapshot. The difference has to be 0 in every one.
/// </summary>
public sealed class ConservationWatch : IAsyncDisposable
{
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    readonly CancellationTokenSource _end = new();
    readonly List<string> _differences = [];
    readonly Task _watching;
    int _looks, _looksOnTheWay;

    public ConservationWatch(TestDatabase database) => _watching = Task.Run(() => WatchAsync(database));

    /// <summary>Ends the watch and fails if any look found a difference, or if there were no looks while offsets moved.</summary>
    public async Task AssertAlwaysZeroAsync()
    {
        await DisposeAsync();
        await _watching;
        Seeds.Say($"conservation: {_looks} looks, {_looksOnTheWay} of them at a new state, {_differences.Count} with a difference");
        Assert.Empty(_differences);
        Assert.True(_looksOnTheWay > 0, "the watch saw no offset move");
    }

    async Task WatchAsync(TestDatabase database)
    {
        var last = -1L;
        while (!_end.IsCancellationRequested)
        {
            try
            {
                if (await LookAsync(database) is { } passed && passed != last)
                {
                    last = passed;
                    _looksOnTheWay++;
                }
                await Task.Delay(Pause, _end.Token);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return;
            }
        }
    }

    async Task<long?> LookAsync(TestDatabase database)
    {
        try
        {
            var rows = await database.RowsAsync("SELECT partition, next_offset - first_offset, outcomes, difference FROM pipeline.conservation",
                r => (Partition: r.GetInt32(0), Passed: r.GetInt64(1), Outcomes: r.GetInt64(2), Difference: r.GetInt64(3)));
            _looks++;
            foreach (var row in rows.Where(r => r.Difference != 0 || r.Passed != r.Outcomes))
                _differences.Add($"look {_looks}: partition {row.Partition} passed {row.Passed}, outcomes {row.Outcomes}");
            return rows.Sum(r => r.Passed);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Not migrated yet.
            return null;
        }
        catch (NpgsqlException)
        {
            // The server is down; what it shows when it is back counts.
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAny(_watching);
    }
}
