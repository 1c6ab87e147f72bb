using System.Diagnostics;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>
/// One statement on a connection of its own, twenty times a second beside the questions: <c>SELECT 1</c>, which reads nothing and waits for no lock, so that what it takes is what anything takes on this
/// machine at this time; or a commit of one row, which waits for the disk besides.
/// </summary>
sealed class Twin
{
    static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    readonly List<double> _sortedMs;

    Twin(List<double> ms)
    {
        ms.Sort();
        _sortedMs = ms;
    }

    public double Of(double p) => _sortedMs[Math.Min(_sortedMs.Count - 1, (int)(p * _sortedMs.Count))];

    public static Task<Twin> AskAsync(NpgsqlDataSource store, TimeSpan time) => AskAsync(store, "SELECT 1", time);

    public static async Task<Twin> CommitAsync(NpgsqlDataSource store, TimeSpan time)
    {
        await using (var made = store.CreateCommand("CREATE TABLE IF NOT EXISTS public.twin (n bigint); TRUNCATE public.twin; INSERT INTO public.twin VALUES (0)"))
            await made.ExecuteNonQueryAsync();
        return await AskAsync(store, "UPDATE public.twin SET n = n + 1", time);
    }

    static async Task<Twin> AskAsync(NpgsqlDataSource store, string statement, TimeSpan time)
    {
        await using var connection = await store.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.PrepareAsync();
        var (clock, ms) = (Stopwatch.StartNew(), new List<double>());
        for (var due = TimeSpan.Zero; due < time; due += Step)
        {
            if (due - clock.Elapsed is { Ticks: > 0 } early)
                await Task.Delay(early);
            // From when it is sent: timers of this process, too, are late on a busy machine.
            var from = clock.Elapsed;
            await command.ExecuteScalarAsync();
            ms.Add((clock.Elapsed - from).TotalMilliseconds);
        }
        return new Twin(ms);
    }
}
