using System.Text.Json;
using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>Answers that were computed of the events of users who were erased meanwhile.</summary>
sealed class ErasedAnswers
{
    /// <summary>Until PostgreSQL's step of an erasure is done, requests read what it is about to delete.</summary>
    const string ErasedSql = """
        SELECT DISTINCT g.tenant, g.request_id FROM unnest($1, $2, $3) AS g(tenant, request_id, user_hash)
        JOIN control.tasks t USING (tenant, request_id) JOIN control.tombstones e ON e.tenant = g.tenant AND e.user_hash = g.user_hash
        LEFT JOIN control.erasure_steps s ON s.erasure_id = e.erasure_id AND s.store = 'postgres'
        WHERE t.submitted_at <= CASE WHEN s.store IS NULL THEN e.received_until ELSE coalesce(s.verified_at, 'infinity') END
        """;

    readonly Tombstones _tombstones = new();
    readonly SemaphoreSlim _reading = new(1, 1);

    /// <summary>Whether an answer may name users.</summary>
    public static bool Concerns(TaskAnswer answer) => answer.Metadata is { } metadata && (metadata.Contains("\"users\"", StringComparison.Ordinal) || metadata.Contains("\"user_id\"", StringComparison.Ordinal));

    /// <summary>The same answers, abandoned where they name a user whose events were erased while, or after, the request was there to read them. Called within the transaction that writes them.</summary>
    public async Task<IReadOnlyList<TaskAnswer>> WithoutAsync(NpgsqlConnection session, IReadOnlyList<TaskAnswer> answers, CancellationToken stop)
    {
        // An erasure that commits its tombstone waits for this transaction, or its tombstone is seen here.
        await using var fence = new NpgsqlCommand(Tombstones.ReadVersion + " FOR SHARE", session);
        var version = (long)(await fence.ExecuteScalarAsync(stop))!;
        List<(TaskKey Task, byte[] UserHash)> named;
        await _reading.WaitAsync(stop);
        try
        {
            await _tombstones.RefreshAsync(session, version, stop);
            named = _tombstones.Any ? [.. answers.Where(Concerns).SelectMany(a => Users(a.Metadata!).Select(u => _tombstones.HashOf(a.Key.Tenant, u)).OfType<byte[]>().Select(h => (a.Key, h)))] : [];
        }
        finally
        {
            _reading.Release();
        }
        var erased = named.Count == 0 ? [] : await ErasedAsync(session, named, stop);
        return erased.Count == 0 ? answers : [.. answers.Select(a => erased.Contains(a.Key) ? Abandoned(a.Key) : a)];
    }

    static List<string> Users(string json)
    {
        using var metadata = JsonDocument.Parse(json);
        var users = metadata.RootElement.TryGetProperty("users", out var all) && all.ValueKind == JsonValueKind.Array ? all.EnumerateArray().Where(u => u.ValueKind == JsonValueKind.String).Select(u => u.GetString()!).ToList() : [];
        if (metadata.RootElement.TryGetProperty("user_id", out var one) && one.ValueKind == JsonValueKind.String)
            users.Add(one.GetString()!);
        return users;
    }

    static async Task<HashSet<TaskKey>> ErasedAsync(NpgsqlConnection session, List<(TaskKey Task, byte[] UserHash)> named, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(ErasedSql, session);
        command.Parameters.AddWithValue(named.Select(n => n.Task.Tenant).ToArray());
        command.Parameters.AddWithValue(named.Select(n => n.Task.RequestId).ToArray());
        command.Parameters.AddWithValue(named.Select(n => n.UserHash).ToArray());
        await using var reader = await command.ExecuteReaderAsync(stop);
        var found = new HashSet<TaskKey>();
        while (await reader.ReadAsync(stop))
            found.Add(new TaskKey(reader.GetString(0), reader.GetString(1)));
        return found;
    }

    static TaskAnswer Abandoned(TaskKey task) => new(task, TaskState.Abandoned, null, new TaskError("erased", "What it was computed of was erased meanwhile.", ""), null);
}
