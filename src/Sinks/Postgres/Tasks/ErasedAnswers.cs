using System.Text.Json;
using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>Answers that were computed of the events of users who were erased meanwhile.</summary>
sealed class ErasedAnswers
{
    const string SubmittedSql = """
        SELECT t.tenant, t.request_id FROM unnest($1, $2, $3) AS g(tenant, request_id, until) JOIN control.tasks t USING (tenant, request_id) WHERE t.submitted_at <= g.until
        """;

    readonly Tombstones _tombstones = new();
    readonly SemaphoreSlim _reading = new(1, 1);

    /// <summary>Whether an answer may name users.</summary>
    public static bool Concerns(TaskAnswer answer) => answer.Metadata?.Contains("\"rows\"", StringComparison.Ordinal) == true;

    /// <summary>The same answers, abandoned where they name a user whose events were erased after the request came. Called within the transaction that writes them.</summary>
    public async Task<IReadOnlyList<TaskAnswer>> WithoutAsync(NpgsqlConnection session, IReadOnlyList<TaskAnswer> answers, CancellationToken stop)
    {
        // An erasure that commits its tombstone waits for this transaction, or its tombstone is seen here.
        await using var fence = new NpgsqlCommand(Tombstones.ReadVersion + " FOR SHARE", session);
        var version = (long)(await fence.ExecuteScalarAsync(stop))!;
        List<(TaskKey Task, DateTime Until)> named;
        await _reading.WaitAsync(stop);
        try
        {
            await _tombstones.RefreshAsync(session, version, stop);
            named = _tombstones.Any ? [.. from answer in answers where Concerns(answer) let until = Until(answer) where until is not null select (answer.Key, until.Value)] : [];
        }
        finally
        {
            _reading.Release();
        }
        var erased = named.Count == 0 ? [] : await SubmittedBeforeAsync(session, named, stop);
        return erased.Count == 0 ? answers : [.. answers.Select(a => erased.Contains(a.Key) ? Abandoned(a.Key) : a)];
    }

    DateTime? Until(TaskAnswer answer)
    {
        using var metadata = JsonDocument.Parse(answer.Metadata!);
        return metadata.RootElement.TryGetProperty("rows", out var rows) && rows.ValueKind == JsonValueKind.Array
            ? rows.EnumerateArray().Where(r => r.ValueKind == JsonValueKind.String).Max(r => _tombstones.LastReceived(answer.Key.Tenant, r.GetString()!)) : null;
    }

    static async Task<HashSet<TaskKey>> SubmittedBeforeAsync(NpgsqlConnection session, List<(TaskKey Task, DateTime Until)> named, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(SubmittedSql, session);
        command.Parameters.AddWithValue(named.Select(n => n.Task.Tenant).ToArray());
        command.Parameters.AddWithValue(named.Select(n => n.Task.RequestId).ToArray());
        command.Parameters.AddWithValue(named.Select(n => n.Until).ToArray());
        await using var reader = await command.ExecuteReaderAsync(stop);
        var found = new HashSet<TaskKey>();
        while (await reader.ReadAsync(stop))
            found.Add(new TaskKey(reader.GetString(0), reader.GetString(1)));
        return found;
    }

    static TaskAnswer Abandoned(TaskKey task) => new(task, TaskState.Abandoned, null, new TaskError("erased", "What it was computed of was erased meanwhile.", ""), null);
}
