using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Contracts.Analysis;
using Pipeline.Ingest.Engines;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Ingest.Operations;

/// <param name="NextCursor">Give it as <c>cursor</c> for the next page; null at the end.</param>
public sealed record TaskPage(IReadOnlyList<ListedTask> Tasks, string? NextCursor);

/// <param name="WithinS">Of tasks that were submitted since so many seconds.</param>
public sealed record TaskFigures(double WithinS, IReadOnlyList<AlgorithmFigures> Algorithms);

/// <summary>The task monitor: what was asked for, who works on it, and what waits where.</summary>
static class TaskOperations
{
    const int LimitMax = 500, LimitDefault = 50, SecondsMax = 366 * 86_400, WithinDefault = 3600;

    public static void MapTaskMonitor(this IEndpointRouteBuilder operations)
    {
        operations.MapGet("tasks", ListAsync).WithName("ListTasks").WithSummary("Tasks of the topic, the newest first").AddEndpointFilter(StoreFilter.InvokeAsync).Produces<TaskPage>().ProducesProblems(400, 503);
        operations.MapGet("tasks/algorithms", FiguresAsync).WithName("TaskFigures").WithSummary("Counts, times and failures of tasks by algorithm").AddEndpointFilter(StoreFilter.InvokeAsync).Produces<TaskFigures>().ProducesProblems(400, 503);
        operations.MapGet("workers", (HttpContext http, EnginePool engines) => engines.AskAllAsync("analysis/workers", http.RequestAborted)).WithName("ListWorkers").WithSummary("What each engine executes, with its Python workers");
        operations.MapGet("queues", (HttpContext http, EnginePool engines) => engines.AskAllAsync("analysis/queues", http.RequestAborted)).WithName("ListQueues").WithSummary("What waits at each engine, and in RabbitMQ's queues as it last saw them");
    }

    static async Task<Results<JsonHttpResult<TaskPage>, Problem>> ListAsync(HttpContext http, TaskReader tasks, string? state, string? algorithm, string? priority,
        [FromQuery(Name = "older_than_s"), Description("Submitted at least so many seconds ago.")] string? olderThan, string? limit, string? cursor)
    {
        var (known, urgency, count, age) = (TaskState.None, AnalysisPriority.Normal, LimitDefault, 0);
        if (state is not null && (known = TaskStates.Parse(state)) == TaskState.None)
            return DeadLetterQuery.Wrong("state", "must be one of submitted, queued, scheduled, running, failed, retrying, completed, abandoned, cancelled.");
        if (priority is not null && !AnalysisPriorities.TryParse(priority, out urgency))
            return DeadLetterQuery.Wrong("priority", "must be high, normal or low.");
        if (WrongAlgorithm(algorithm) is { } wrong)
            return wrong;
        if (limit is not null && !DeadLetterQuery.TryWhole(limit, 1, LimitMax, out count))
            return DeadLetterQuery.Wrong("limit", $"must be a whole number from 1 to {LimitMax}.");
        if (olderThan is not null && !DeadLetterQuery.TryWhole(olderThan, 0, SecondsMax, out age))
            return DeadLetterQuery.Wrong("older_than_s", $"must be a whole number from 0 to {SecondsMax}.");
        if (!TryRead(cursor, out var after))
            return DeadLetterQuery.Wrong("cursor", "must be what an earlier answer called next_cursor.");
        var filter = new TaskFilter(known, algorithm, priority is null ? null : urgency, olderThan is null ? null : TimeSpan.FromSeconds(age));
        var (page, next) = await tasks.ListAsync(filter, count, after, http.RequestAborted);
        return TypedResults.Json(new TaskPage(page, next is null ? null : Write(next)), BatchAnswer.Json);
    }

    /// <param name="algorithm">Null, which is right too, where none was given.</param>
    public static Problem? WrongAlgorithm(string? algorithm) => algorithm is { Length: 0 or > AnalysisLimits.AlgorithmCharactersMax } || algorithm?.Any(char.IsControl) == true
        ? DeadLetterQuery.Wrong("algorithm", $"must have 1 to {AnalysisLimits.AlgorithmCharactersMax} characters without control characters.") : null;

    static async Task<Results<JsonHttpResult<TaskFigures>, Problem>> FiguresAsync(HttpContext http, TaskReader tasks, [FromQuery(Name = "within_s"), Description("Default 3600.")] string? within)
    {
        var seconds = WithinDefault;
        if (within is not null && !DeadLetterQuery.TryWhole(within, 1, SecondsMax, out seconds))
            return DeadLetterQuery.Wrong("within_s", $"must be a whole number from 1 to {SecondsMax}.");
        return TypedResults.Json(new TaskFigures(seconds, await tasks.FiguresAsync(TimeSpan.FromSeconds(seconds), http.RequestAborted)), BatchAnswer.Json);
    }

    static string Write(TaskCursor cursor) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"task\n{(cursor.SubmittedAt - DateTime.UnixEpoch).Ticks / 10}\n{cursor.Tenant}\n{cursor.RequestId}")));

    static bool TryRead(string? text, out TaskCursor? cursor)
    {
        cursor = null;
        if (text is null)
            return true;
        if (!Base64Url.IsValid(text) || Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('\n', 4) is not ["task", var time, var tenant, var id] || id.Contains('\0')
            || !long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var us) || us >= QueryTime.CalendarEndUs || tenant.Any(char.IsControl))
            return false;
        cursor = new TaskCursor(QueryTime.OfUnix(us), tenant, id);
        return true;
    }
}
