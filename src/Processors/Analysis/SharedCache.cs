using System.Runtime.InteropServices;
using Npgsql;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis;

/// <summary>The second level of the cache: results that took long, in PostgreSQL, for every engine. A store that does not answer, or has no such table yet, costs a hit and no request.</summary>
sealed class SharedCache(CachedResults results, AnalysisSettings settings, Breaker postgres)
{
    /// <summary>What a request waits for it at most, before and after it is executed.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    long _hits, _misses;

    public (long Hits, long Misses) Figures => (Volatile.Read(ref _hits), Volatile.Read(ref _misses));

    /// <summary>Whether a call of this cost is looked for and kept: below, asking takes a fair part of what making takes.</summary>
    public bool Concerns(TimeSpan cost) => settings.SharedCacheBytesMax > 0 && cost >= settings.SharedCacheFrom;

    public async Task<byte[]?> FindAsync(CacheKey key, CancellationToken stop)
    {
        var found = await AskAsync(s => results.FindAsync(Bytes(key), settings.CacheFor, s), stop);
        Interlocked.Increment(ref found is null ? ref _misses : ref _hits);
        return found;
    }

    public Task AddAsync(CacheKey key, string algorithm, ReadOnlyMemory<byte> result, CancellationToken stop) => result.Length > settings.SharedCacheBytesMax / 4 ? Task.CompletedTask : AskAsync(async s =>
    {
        await results.AddAsync(Bytes(key), algorithm, result, s);
        return (byte[]?)null;
    }, stop);

    async Task<byte[]?> AskAsync(Func<CancellationToken, Task<byte[]?>> ask, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            return await postgres.RunAsync(ask, patience.Token);
        }
        catch (Exception e) when (e is NpgsqlException or NotTriedException || FailureClassifier.Classify(e).Kind == FailureKind.Transient || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return null;
        }
    }

    static byte[] Bytes(CacheKey key) => MemoryMarshal.AsBytes(new ReadOnlySpan<CacheKey>(in key)).ToArray();
}
