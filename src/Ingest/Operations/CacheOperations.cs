using System.ComponentModel;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Ingest.Operations;

/// <param name="Removed">Null where nobody knows, because it did not answer: then <paramref name="Error"/> says why.</param>
public sealed record StorePurge(long? Removed, string? Error);

/// <inheritdoc cref="StorePurge"/>
public sealed record EnginePurge(Uri Address, long? Removed, string? Error);

/// <param name="Complete">Whether the store and every engine that is configured answered. Where not, the same call again removes the rest.</param>
/// <param name="Removed">By those that answered, together.</param>
public sealed record CachePurge(bool Complete, string? Algorithm, long Removed, StorePurge Store, IReadOnlyList<EnginePurge> Engines);

/// <param name="Entries">Null, like the bytes, where PostgreSQL does not answer.</param>
public sealed record StoreCache(long? Entries, long? Bytes, string? Error);

/// <summary>Hits and misses count from the engine's start; those of the store are what this engine found there and did not.</summary>
public sealed record EngineCacheFigures(long Entries, long Bytes, long Hits, long Misses, long Evicted, long SharedHits, long SharedMisses);

/// <param name="Cache">Null where it does not answer: then <paramref name="Error"/> says why.</param>
public sealed record EngineCache(Uri Address, EngineCacheFigures? Cache, string? Error);

public sealed record CacheAnswer(bool Complete, StoreCache Store, IReadOnlyList<EngineCache> Engines);

/// <summary>Results of analyses that are remembered, by each engine and in PostgreSQL. Whoever does not answer is named and holds nobody else up.</summary>
static class CacheOperations
{
    const string Path = "analysis/cache";

    public static void MapCache(this IEndpointRouteBuilder operations)
    {
        operations.MapGet(Path, FiguresAsync).WithName("CacheFigures").WithSummary("What is remembered of analyses, by each engine and in PostgreSQL, and how often it was found").Produces<CacheAnswer>().ProducesProblems(400);
        operations.MapDelete(Path, PurgeAsync).WithName("PurgeCache").WithSummary("Forgets remembered results, at each engine and in PostgreSQL").Produces<CachePurge>().ProducesProblems(400);
    }

    static async Task<JsonHttpResult<CacheAnswer>> FiguresAsync(HttpContext http, EnginePool engines, CachedResults results)
    {
        var asked = engines.AskAllAsync(HttpMethod.Get, Path, http.RequestAborted);
        var store = await StoreAsync(async () =>
        {
            var kept = await results.FiguresAsync(http.RequestAborted);
            return new StoreCache(kept.Entries, kept.Bytes, null);
        }, error => new StoreCache(null, null, error));
        var answers = (await asked).Select(a => new EngineCache(a.Address, Read<EngineCacheFigures>(a, out var error), error)).ToList();
        return TypedResults.Json(new CacheAnswer(store.Error is null && answers.TrueForAll(a => a.Error is null), store, answers), BatchAnswer.Json);
    }

    static async Task<Results<JsonHttpResult<CachePurge>, Problem>> PurgeAsync([Description("Its results alone. Default: all.")] string? algorithm, HttpContext http, EnginePool engines, CachedResults results, ILogger<CachePurge> log)
    {
        if (TaskOperations.WrongAlgorithm(algorithm) is { } wrong)
            return wrong;
        // 1. The store, so that no engine finds there again what it has forgotten. What ends here leaves the engines as they were.
        var store = await StoreAsync(async () => new StorePurge(await results.PurgeAsync(algorithm, http.RequestAborted), null), error => new StorePurge(null, error));
        // 2. The engines. What one of them is making meanwhile it may remember afterwards.
        var answers = (await engines.AskAllAsync(HttpMethod.Delete, algorithm is null ? Path : $"{Path}?algorithm={Uri.EscapeDataString(algorithm)}", http.RequestAborted))
            .Select(a => new EnginePurge(a.Address, Read<Removal>(a, out var error)?.Removed, error)).ToList();
        var purge = new CachePurge(store.Error is null && answers.TrueForAll(a => a.Error is null), algorithm, (store.Removed ?? 0) + answers.Sum(a => a.Removed ?? 0), store, answers);
        log.CachePurged(algorithm ?? "every algorithm", purge.Removed, purge.Complete);
        return TypedResults.Json(purge, BatchAnswer.Json);
    }

    sealed record Removal(long Removed);

    static async Task<T> StoreAsync<T>(Func<Task<T>> ask, Func<string, T> away)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (StoreFilter.IsAway(e))
        {
            return away(StoreFilter.Away);
        }
    }

    static T? Read<T>(EngineAnswer answer, out string? error) where T : class
    {
        error = answer.Error;
        try
        {
            return answer.State?.Deserialize<T>(BatchAnswer.Json);
        }
        catch (JsonException e)
        {
            error = e.Message;
            return null;
        }
    }
}
