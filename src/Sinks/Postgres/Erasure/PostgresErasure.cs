using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>Places in an erasure where a test can end or stop the process; the receipt is that of each store.</summary>
public enum ErasurePoint { TakenUp, InsidePostgres, AfterPostgresCommit, BeforePostgresScan, BeforeInfluxDelete, AfterInfluxDelete, BeforeInfluxScan, BeforeReceipt }

/// <summary>Deletes a user's events from PostgreSQL: every revision, and the dead letters of the other roads. Repeated, it deletes what is left.</summary>
/// <param name="sessions">Unpooled: a session is given settings of its own.</param>
/// <param name="armed">Told of the points it passes; null in operation.</param>
public sealed class PostgresErasure(NpgsqlDataSource sessions, Action<ErasurePoint>? armed = null)
{
    const string Revisions = @"SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^rev_\d+$' ORDER BY 1";

    /// <summary>What must be gone when no event of the user stays. Its columns are all that hold users.</summary>
    static readonly string[] Traces =
    [
        "events WHERE tenant = $1 AND user_id = $2", "activity WHERE tenant = $1 AND user_id = $2", "members WHERE tenant = $1 AND user_id = $2",
        "activity_days WHERE tenant = $1 AND user_id = $2", "changed_days WHERE tenant = $1 AND user_id = $2",
        "objects WHERE tenant = $1 AND $2 IN ((created).user_id, (completed).user_id, (deleted).user_id, (saved).user_id)", "tasks WHERE tenant = $1 AND $2 IN (submitted_by, item_by)",
    ];

    /// <summary>
    /// Answers about stored events say of whom they speak. What was computed of them goes whole, whenever: until the events are gone, requests that came after the wish read them too.
    /// </summary>
    const string Analyses = "control.tasks WHERE tenant = $1 AND metadata IS NOT NULL AND ((metadata::jsonb -> 'users') ? $2 OR metadata ->> 'user_id' = $2)";

    const string Scheduled = "control.scheduled_runs WHERE tenant = $1 AND user_id = $2";

    const string DeleteScheduled = $"""
        WITH run AS (DELETE FROM {Scheduled} RETURNING tenant, request_id), task AS (DELETE FROM control.tasks t USING run WHERE t.tenant = run.tenant AND t.request_id = run.request_id)
        SELECT count(*) FROM run
        """;

    /// <returns>What was deleted, by kind.</returns>
    public async Task<IReadOnlyDictionary<string, long>> EraseAsync(ErasureRequest request, CancellationToken stop)
    {
        var deleted = new Dictionary<string, long>();
        foreach (var revision in await RevisionsAsync(stop))
        {
            await using var session = await sessions.OpenConnectionAsync(stop);
            foreach (var (kind, n) in await new RevisionEraser(session, revision, armed).EraseAsync(request, stop))
                deleted[kind] = deleted.GetValueOrDefault(kind) + n;
        }
        await using var control = await sessions.OpenConnectionAsync(stop);
        deleted["dead_letters"] = deleted.GetValueOrDefault("dead_letters") + await DeadLetterErasure.DeleteAsync(control, "control.dead_letters", request, stop);
        await using var analyses = StoredEvents.Command(control, $"DELETE FROM {Analyses}", (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text));
        deleted["analyses"] = await analyses.ExecuteNonQueryAsync(stop);
        // Whom they are about is told by the schedules' own list: a series of days names nobody.
        await using var scheduled = StoredEvents.Command(control, DeleteScheduled, (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text));
        deleted["scheduled_runs"] = (long)(await scheduled.ExecuteScalarAsync(stop))!;
        return deleted;
    }

    /// <summary>Looks through every table of every revision. An erased user of whom nothing new came must be in none.</summary>
    /// <returns>Rows that should not be there, by table; empty when all is well.</returns>
    public async Task<IReadOnlyDictionary<string, long>> FindAsync(ErasureRequest request, CancellationToken stop)
    {
        armed?.Invoke(ErasurePoint.BeforePostgresScan);
        var found = new Dictionary<string, long>();
        await using var session = await sessions.OpenConnectionAsync(stop);
        foreach (var revision in await RevisionsAsync(stop))
        {
            var erased = await CountAsync(session, $"{revision}.events WHERE tenant = $1 AND user_id = $2 AND received_at <= $3 AND occurred_at >= $4 AND occurred_at < $5", request, stop);
            if (erased > 0)
                found[$"{revision}.events"] = erased;
            else if (request is { From: null, To: null } && await CountAsync(session, $"{revision}.events WHERE tenant = $1 AND user_id = $2", request, stop) == 0)
                foreach (var trace in Traces)
                    if (await CountAsync(session, $"{revision}.{trace}", request, stop) is > 0 and var n)
                        found[$"{revision}.{trace.Split(' ')[0]}"] = n;
        }
        foreach (var control in (string[])[Analyses, Scheduled])
            if (await CountAsync(session, control, request, stop) is > 0 and var n)
                found[control.Split(' ')[0]] = n;
        return found;
    }

    static async Task<long> CountAsync(NpgsqlConnection session, string from, ErasureRequest request, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, $"SELECT count(*) FROM {from}", (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text));
        foreach (var (place, time) in ((string, DateTime)[])[("$3", request.ReceivedUntil), ("$4", request.OccurredFrom), ("$5", request.OccurredTo)])
            if (from.Contains(place, StringComparison.Ordinal))
                command.Parameters.Add(new NpgsqlParameter { Value = time, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    async Task<List<string>> RevisionsAsync(CancellationToken stop)
    {
        await using var session = await sessions.OpenConnectionAsync(stop);
        await using var command = new NpgsqlCommand(Revisions, session);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var revisions = new List<string>();
        while (await reader.ReadAsync(stop))
            revisions.Add(reader.GetString(0));
        return revisions;
    }
}
