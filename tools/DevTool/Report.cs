using System.Diagnostics;
using Npgsql;

namespace Pipeline.DevTool;

/// <summary>
/// Waits until a number of events has an outcome and none is in flight, then prints what each store holds and the
/// conservation equation. The last line is <c>conservation difference: N</c>; anything but 0 is a failure.
/// </summary>
static class Report
{
    public static async Task<int> Run(Arguments arguments, CancellationToken stop)
    {
        var wanted = arguments.Number("wait-for", 0);
        var timeout = TimeSpan.FromSeconds(arguments.Number("timeout-s", 60));
        await using var books = new Books(arguments);
        using var log = new LogEnds(arguments.Text("kafka"), books.Topic);
        using var influx = InfluxPoints.From(arguments);
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var (balance, problem) = await Look(books, stop);
            var inFlight = balance is null ? 0 : log.Read().Sum(end => InFlight(balance, end));
            var points = influx is null ? 0 : await influx.Count(stop);
            var settled = balance is not null && inFlight == 0 && balance.Outcomes >= wanted
                && (influx is null || points >= balance.Stored);
            if (settled || (balance is not null && clock.Elapsed > timeout))
            {
                Print(books, balance!, inFlight, influx is null ? null : points);
                if (!settled)
                    throw new FailureException($"not everything arrived within {timeout.TotalSeconds:0} s");
                return balance!.Difference == 0 ? 0 : 1;
            }
            if (clock.Elapsed > timeout)
                throw new FailureException($"the books cannot be read: {problem}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, stop);
        }
    }

    /// <summary>The processors make the schema when they start, so that its absence is a matter of waiting.</summary>
    static async Task<(Balance?, string? Problem)> Look(Books books, CancellationToken stop)
    {
        try
        {
            return (await books.Read(stop), null);
        }
        catch (NpgsqlException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>A partition without a row has not been taken by anybody: all of its log is in flight.</summary>
    static long InFlight(Balance balance, LogEnd end) =>
        end.High - (balance.NextOffsets.TryGetValue(end.Partition, out var next) ? next : end.Low);

    static void Print(Books books, Balance balance, long inFlight, long? points)
    {
        Console.WriteLine($"PostgreSQL: {balance.Ledger} ids in the ledger, {balance.Rows} rows of events");
        if (points is not null)
            Console.WriteLine($"InfluxDB:   {points} points");
        Console.WriteLine($"{books.Consumer} on {books.Topic}, {balance.NextOffsets.Count} partitions, one SQL snapshot:");
        Console.WriteLine($"  {"next_offset − first_offset",-36}{balance.Advanced,8}");
        foreach (var (outcome, n) in balance.ByOutcome)
            Console.WriteLine($"  {"− " + outcome,-36}{n,8}");
        Console.WriteLine($"  {"(in flight: log end − next_offset)",-36}{inFlight,8}");
        Console.WriteLine($"conservation difference: {balance.Difference}");
    }
}
