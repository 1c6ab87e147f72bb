using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Processors.Erasure;

/// <summary>
/// InfluxDB as an erased store. It has no ledger: events-influx knows a resend of what was erased by PostgreSQL's, and a write that was under way may still land. So the store is
/// done only when a scan finds nothing after PostgreSQL is done and the longest time that a write can take has passed.
/// </summary>
sealed class InfluxStore(InfluxErasure influx, ErasureTools tools, TimeSpan writeTimeout, TimeProvider clock)
{
    /// <summary>A sender's clock may run ahead by as much.</summary>
    static readonly TimeSpan Ahead = TimeSpan.FromHours(24);

    /// <summary>For so long points of the future are taken for old ones of a clock that is ahead; later they may be those of a user who returned.</summary>
    static readonly TimeSpan Prompt = TimeSpan.FromMinutes(10);

    public ErasedStore Erased => new(ErasureRequests.InfluxDb, EraseAsync, FindAsync);

    async Task<IReadOnlyDictionary<string, long>> EraseAsync(ErasureRequest request, CancellationToken stop)
    {
        var points = await PostgresDoneAsync(request, stop) is null ? 0 : await CountAsync(request, stop);
        if (points == 0)
            return new Dictionary<string, long>();
        var (from, to) = Range(request);
        tools.Armed?.Invoke(ErasurePoint.BeforeInfluxDelete);
        await influx.DeleteAsync(request.UserId, from, to, stop);
        tools.Armed?.Invoke(ErasurePoint.AfterInfluxDelete);
        return new Dictionary<string, long> { ["points"] = points };
    }

    async Task<IReadOnlyDictionary<string, long>> FindAsync(ErasureRequest request, CancellationToken stop)
    {
        if (await PostgresDoneAsync(request, stop) is not { } postgres || clock.GetUtcNow().UtcDateTime < postgres + writeTimeout + TimeSpan.FromSeconds(5))
            return new Dictionary<string, long> { ["writes that may be under way"] = 1 };
        tools.Armed?.Invoke(ErasurePoint.BeforeInfluxScan);
        var points = await CountAsync(request, stop);
        return points == 0 ? new Dictionary<string, long>() : new Dictionary<string, long> { ["points"] = points };
    }

    async Task<DateTime?> PostgresDoneAsync(ErasureRequest request, CancellationToken stop) =>
        (await tools.Requests.ReadAsync(request.Id, stop))?.Stores.FirstOrDefault(s => s.Store == ErasureRequests.Postgres)?.VerifiedAt;

    async Task<long> CountAsync(ErasureRequest request, CancellationToken stop)
    {
        var (from, to) = Range(request);
        return await influx.CountAsync(request.UserId, from, to, stop);
    }

    (DateTime From, DateTime To) Range(ErasureRequest request)
    {
        var end = request.ReceivedUntil + (clock.GetUtcNow().UtcDateTime < request.ReceivedUntil + Prompt ? Ahead : TimeSpan.Zero);
        return (Max(request.From ?? InfluxErasure.First, InfluxErasure.First), Min(request.To ?? InfluxErasure.Last, end));
    }

    static DateTime Min(DateTime a, DateTime b) => a < b ? a : b;

    static DateTime Max(DateTime a, DateTime b) => a > b ? a : b;
}
