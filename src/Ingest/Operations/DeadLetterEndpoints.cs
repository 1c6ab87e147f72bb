using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Operations;

/// <param name="NextCursor">Give it as <c>cursor</c> for the next page; null at the end.</param>
public sealed record DeadLetterPage(IReadOnlyList<StoredDeadLetter> DeadLetters, string? NextCursor);

/// <param name="More">Whether there are more groups than the limit.</param>
public sealed record DeadLetterGroups(IReadOnlyList<DeadLetterGroup> Groups, bool More);

/// <summary>What could not be stored, for those who look after it.</summary>
static class DeadLetterEndpoints
{
    public static void MapDeadLetters(this IEndpointRouteBuilder operations)
    {
        var letters = operations.MapGroup("dead-letters").AddEndpointFilter(StoreFilter.InvokeAsync);
        letters.MapGet("", ListAsync).WithName("ListDeadLetters").WithSummary("Dead letters, the newest first; large ones in part").Produces<DeadLetterPage>().ProducesProblems(400, 503);
        letters.MapGet("groups", GroupAsync).WithName("GroupDeadLetters").WithSummary("Dead letters by cause, the most frequent first").Produces<DeadLetterGroups>().ProducesProblems(400, 503);
        letters.MapGet("{consumer}/{topic_id}/{partition}/{offset}", FindAsync).WithName("GetDeadLetter").WithSummary("One dead letter with all its bytes").Produces<StoredDeadLetter>().ProducesProblems(400, 404, 503);
    }

    static async Task<Results<JsonHttpResult<DeadLetterPage>, Problem>> ListAsync([AsParameters] DeadLetterQuery query,
        [FromQuery(Name = "cursor"), Description("What the page before called next_cursor.")] string? cursor, HttpContext http, DeadLetterReader reader)
    {
        if (query.Read(http.Request.Query, "cursor", out var filter, out var limit) is { } wrong)
            return wrong;
        DeadLetterCursor? after = null;
        if (cursor is not null && !PageCursor.TryRead(cursor, out after))
            return DeadLetterQuery.Wrong("cursor", "must be what an earlier answer called next_cursor.");
        var (letters, next) = await reader.ListAsync(filter, limit, after, http.RequestAborted);
        return Json(new DeadLetterPage(letters, next is null ? null : PageCursor.Write(next)));
    }

    static async Task<Results<JsonHttpResult<DeadLetterGroups>, Problem>> GroupAsync([AsParameters] DeadLetterQuery query, HttpContext http, DeadLetterReader reader)
    {
        if (query.Read(http.Request.Query, null, out var filter, out var limit) is { } wrong)
            return wrong;
        var (groups, more) = await reader.GroupAsync(filter, limit, http.RequestAborted);
        return Json(new DeadLetterGroups(groups, more));
    }

    static async Task<Results<JsonHttpResult<StoredDeadLetter>, Problem>> FindAsync(string consumer, [FromRoute(Name = "topic_id")] string topicId, string partition, string offset,
        HttpContext http, DeadLetterReader reader)
    {
        if (!DeadLetterQuery.TryWhole(partition, 0, int.MaxValue, out var number))
            return DeadLetterQuery.Wrong("partition", "must be a whole number from 0.");
        if (!long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var at))
            return DeadLetterQuery.Wrong("offset", "must be a whole number from 0.");
        // The server leaves %2F in a path as it is; Kafka's topic ids are base64 and may hold slashes.
        var place = new DeadLetterPlace(Uri.UnescapeDataString(consumer), Uri.UnescapeDataString(topicId), number, at);
        var letter = place.Consumer.Concat(place.TopicId).Any(char.IsControl) ? null : await reader.FindAsync(place, http.RequestAborted);
        return letter is null ? new Problem(404, "no_such_dead_letter", "There is no dead letter of this place.") : Json(letter);
    }

    static JsonHttpResult<T> Json<T>(T answer) => TypedResults.Json(answer, BatchAnswer.Json);
}
