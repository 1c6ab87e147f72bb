using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Contracts;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Statistics;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Ingest.Erasures;

/// <param name="Status">pending until every store is done and was looked through, then done.</param>
/// <param name="ByAge">What goes by age alone. Read or received again, it is dropped.</param>
public sealed record ErasureAnswer(Guid ErasureId, string Status, DateTime RequestedAt, DateTime? From, DateTime? To, DateTime? FinishedAt, IReadOnlyList<StoreAnswer> Stores, IReadOnlyList<ErasureExpiry> ByAge)
{
    const string NotAsked = "not known yet: the processors ask when they carry the erasure out";

    static readonly ErasureExpiry[] Unknown = [new("kafka", "topics", null, NotAsked), new("rabbitmq", "queues of failures", null, NotAsked)];

    internal static ErasureAnswer Of(ErasureReceipt receipt) => new(receipt.ErasureId, receipt.FinishedAt is null ? "pending" : "done", receipt.RequestedAt, receipt.From, receipt.To, receipt.FinishedAt,
        [.. receipt.Stores.Select(s => new StoreAnswer(s.Store, s.VerifiedAt is null ? "pending" : "done", s.Deleted, s.Tries, s.LastError, s.VerifiedAt))], receipt.ByAge.Count > 0 ? receipt.ByAge : Unknown);
}

/// <param name="VerifiedAt">When a scan found nothing left.</param>
public sealed record StoreAnswer(string Store, string Status, IReadOnlyDictionary<string, long> Deleted, int Tries, string? LastError, DateTime? VerifiedAt);

static class ErasureEndpoints
{
    public static void MapErasures(this IEndpointRouteBuilder api)
    {
        api.MapDelete("events/events/{user_id}", DeleteAsync).WithName("EraseUser").WithSummary("Deletes a user's events from every store; from and to bound when they occurred")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<ErasureAnswer>(202).ProducesProblems(400, 409, 503);
        api.MapGet("erasures/{id}", GetAsync).WithName("GetErasure").WithSummary("What each store deleted")
            .AddEndpointFilter(StoreFilter.InvokeAsync).Produces<ErasureAnswer>().ProducesProblems(404, 503);
    }

    static async Task<Results<JsonHttpResult<ErasureAnswer>, Problem>> DeleteAsync([FromRoute(Name = "user_id")] string userId, string? from, string? to, HttpContext http, ErasureRequests erasures)
    {
        userId = StatisticsEndpoints.LastSegment(http) ?? userId;
        // The windows of statistics: only whole buckets can be counted anew.
        if (new StatisticsQuery { From = from, To = to }.Read(userId, null, out var window) is { } problem)
            return problem;
        if (window.Edges[0] >= window.Edges[^1])
            return new Problem(400, "empty_window", "to must be after from.") { Parameter = "to" };
        if (http.RequestServices.GetService<PerformanceReader>() is not null)
            // A deployment with InfluxDB, whether or not its processors ever said so.
            await erasures.RegisterAsync(ErasureRequests.InfluxDb, http.RequestAborted);
        Guid id;
        try
        {
            id = await erasures.CreateAsync(Topics.DefaultTenant, userId, from is null ? null : window.Edges[0], to is null ? null : window.Edges[^1], http.RequestAborted);
        }
        catch (RowsExpiredException e)
        {
            return new Problem(409, "rows_expired", $"{e.Message} Erase the whole user, without from and to, or a range that begins at {e.From:yyyy-MM-dd'T'HH:mm:ss'Z'} or later.") { Parameter = "from" };
        }
        http.Response.Headers.Location = $"/api/v1/erasures/{id}";
        return TypedResults.Json(ErasureAnswer.Of((await erasures.ReadAsync(id, http.RequestAborted))!), BatchAnswer.Json, statusCode: 202);
    }

    static async Task<Results<JsonHttpResult<ErasureAnswer>, Problem>> GetAsync([FromRoute] string id, HttpContext http, ErasureRequests erasures) =>
        Guid.TryParseExact(id, "D", out var known) && await erasures.ReadAsync(known, http.RequestAborted) is { } receipt
            ? TypedResults.Json(ErasureAnswer.Of(receipt), BatchAnswer.Json) : Problem.OfStatus(404);
}
