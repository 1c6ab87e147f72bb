using System.ComponentModel;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Events;
using Pipeline.Ingest.Statistics;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Ingest.Tasks;

/// <param name="TaskId">The request's id.</param>
public sealed record TaskAccepted(string TaskId, string RequestId, string Status, string Location);

/// <summary>Analyses by the topic: a request is accepted at once, its answer is read later.</summary>
static class TaskEndpoints
{
    /// <summary>Kafka's record limit of 1 MB, with room for key and header.</summary>
    public const int RequestBytesMax = 960 * 1024;

    const int WaitSecondsMax = 60;

    public static void MapTasks(this IEndpointRouteBuilder api)
    {
        api.MapPost("compute", ComputeAsync).WithName("Compute").WithSummary("Execute an analysis later; its task is read by GET task/{id}")
            .Accepts<object>("application/json").AddEndpointFilter(StoreFilter.InvokeAsync).Produces<TaskAccepted>(202).ProducesProblems(400, 408, 409, 413, 415, 503);
        api.MapGet("task/{id}", GetAsync).WithName("GetTask").WithSummary("How far a task is, and its result").AddEndpointFilter(StoreFilter.InvokeAsync).Produces<StoredTask>().ProducesProblems(400, 404, 503);
        api.MapDelete("task/{id}", CancelAsync).WithName("CancelTask").WithSummary("Cancels a task that has not ended").AddEndpointFilter(StoreFilter.InvokeAsync).Produces<StoredTask>().ProducesProblems(404, 409, 503);
    }

    static async Task<Results<JsonHttpResult<TaskAccepted>, Problem>> ComputeAsync(HttpContext http, TaskRequests tasks, RequestProducer producer, EnginePool engines, IOptions<IngestOptions> options)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
            return new Problem(415, "unsupported_media_type", "Content-Type must be application/json.");
        using var body = new RequestBody(engines.Budget, RequestBytesMax);
        if (await body.ReadAsync(http.Request, http.RequestAborted) is { } unread)
            return unread.Status == 503 ? unread with { RetryAfter = options.Value.RetryAfter } : unread.Status == 413 ? TooLarge() : unread;
        if (AnalysisRequestReader.Read(body.Span, out var request) is { } fault)
            return new Problem(fault.Reason == AnalysisFaultCode.TooLarge ? 413 : 400, fault.Code, fault.Message) { Parameter = fault.Path.Length > 0 ? fault.Path : null };
        var id = request!.RequestId ?? Guid.CreateVersion7().ToString();
        if (id is "." or "..")
            return new Problem(400, "invalid_request", "An id that is a dot or two is no part of a path, by which the task is asked for.") { Parameter = "/request_id" };
        if (id.StartsWith(Topics.ScheduledRequests, StringComparison.Ordinal))
            return new Problem(400, "invalid_request", $"Ids that begin with {Topics.ScheduledRequests} are those of scheduled analyses.") { Parameter = "/request_id" };
        var task = new NewTask(new TaskKey(Topics.DefaultTenant, id), SHA256.HashData(body.Span), request.Algorithm, request.Priority);
        // 1. The row, so that a read right after the answer finds the task.
        var (submission, state, at) = await tasks.SubmitAsync(task, http.RequestAborted);
        if (submission == Submission.Conflict)
            return new Problem(409, "request_conflict", $"Another request has the request_id {id}.") { Parameter = "/request_id" };
        // 2. The record. From here on the request is finished even if the client has gone. What was asked for before, and not read yet, may never have come to the topic.
        if (state == TaskState.Submitted && await producer.ProduceAsync(task.Key.Tenant, id, body.Memory) is { } problem)
        {
            if (submission == Submission.New)
                await tasks.RemoveAsync(task, at, CancellationToken.None);
            return new Problem(503, "broker_unavailable", $"The broker did not acknowledge the request ({problem}); send it again later.") { RetryAfter = options.Value.RetryAfter };
        }
        var location = $"/api/v1/task/{Uri.EscapeDataString(id)}";
        http.Response.Headers.Location = location;
        return TypedResults.Json(new TaskAccepted(id, id, state.Name(), location), BatchAnswer.Json, statusCode: 202);
    }

    static Problem TooLarge() => new(413, "too_large", $"A request by the topic may have {RequestBytesMax} bytes; POST analyze takes larger ones.");

    static async Task<Results<JsonHttpResult<StoredTask>, Problem>> GetAsync([FromRoute] string id, HttpContext http, TaskReader tasks, TaskWaits waits,
        [FromQuery(Name = "wait"), Description("Seconds to wait for its end, up to 60.")] string? wait)
    {
        var key = KeyOf(http, id);
        var seconds = 0.0;
        if (wait is not null && !(double.TryParse(wait, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) && seconds <= WaitSecondsMax))
            return new Problem(400, "invalid_parameter", $"wait must be a number of seconds from 0 to {WaitSecondsMax}.") { Parameter = "wait" };
        if (seconds > 0)
            await waits.EndedAsync(key, TimeSpan.FromSeconds(seconds), http.RequestAborted);
        return await tasks.FindAsync(key, http.RequestAborted) is { } task ? TypedResults.Json(task, BatchAnswer.Json) : NoTask();
    }

    static async Task<Results<JsonHttpResult<StoredTask>, Problem>> CancelAsync([FromRoute] string id, HttpContext http, TaskReader tasks, TaskRequests requests)
    {
        var key = KeyOf(http, id);
        var cancelled = await requests.CancelAsync(key, http.RequestAborted);
        if (await tasks.FindAsync(key, http.RequestAborted) is not { } task)
            return NoTask();
        return cancelled || task.Status == TaskState.Cancelled.Name() ? TypedResults.Json(task, BatchAnswer.Json) : new Problem(409, "task_ended", $"The task has ended: {task.Status}.");
    }

    /// <summary>The server decodes all of a path but %2F, which cannot be told from %252F then. What no table holds is no task's id.</summary>
    static TaskKey KeyOf(HttpContext http, string id) => new(Topics.DefaultTenant, (StatisticsEndpoints.LastSegment(http) ?? id).Replace('\0', '\uFFFD'));

    static Problem NoTask() => new(404, "no_such_task", "There is no task of this id, or it ended so long ago that it was removed.");
}
