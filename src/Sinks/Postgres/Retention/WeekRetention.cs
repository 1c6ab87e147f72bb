using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Retention;

/// <param name="Monday">When the week began, UTC.</param>
public sealed record Week(DateTime Monday, string Table, long Bytes);

public enum WeekDrop
{
    Dropped,
    /// <summary>Somebody reads or writes the table for longer than writers may be made to wait.</summary>
    InUse,
    /// <summary>An erasure is under way: it counts anew from rows that must not go meanwhile.</summary>
    HeldByErasure,
}

/// <summary>
/// Drops weeks of table events whole, each in one transaction, so that a crash leaves a week there or gone. Aggregates stay, and so do the ids.
/// A writer that comes with an event of a week that is gone finds no partition, acquires its log again and makes the week anew; the next pass drops it.
/// </summary>
public sealed class WeekRetention(NpgsqlConnection session)
{
    /// <summary>For so long writers may wait behind a drop that waits.</summary>
    const int LockTimeoutMs = 250;

    /// <summary>Weeks of a revision: monday, table, bytes.</summary>
    internal static string Weeks(string revision) => $"""
        SELECT to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS monday, c.relname::text AS week, pg_total_relation_size(c.oid) AS bytes
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{revision}.events'::regclass AND c.relname ~ '^events_\d{"{8}"}$'
        """;

    /// <summary>Weeks that had ended by then, the oldest first.</summary>
    public async Task<IReadOnlyList<Week>> EndedByAsync(string revision, DateTime until, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, $"SELECT * FROM ({Weeks(revision)}) AS weeks WHERE monday + interval '168 hours' <= $1 ORDER BY monday", (until, NpgsqlDbType.TimestampTz));
        await using var reader = await command.ExecuteReaderAsync(stop);
        var weeks = new List<Week>();
        while (await reader.ReadAsync(stop))
            weeks.Add(new Week(reader.GetDateTime(0), reader.GetString(1), reader.GetInt64(2)));
        return weeks;
    }

    public async Task<WeekDrop> TryDropAsync(string revision, Week week, CancellationToken stop)
    {
        await using var transaction = await session.BeginTransactionAsync(stop);
        try
        {
            // 1. No erasure can be asked for until this is committed; then it sees which rows are gone.
            await using (var state = new NpgsqlCommand($"SET LOCAL lock_timeout = {LockTimeoutMs}; SELECT FROM control.tombstone_state FOR UPDATE", session))
                await state.ExecuteNonQueryAsync(stop);
            await using (var open = new NpgsqlCommand($"SELECT EXISTS (SELECT FROM control.erasure_steps WHERE store = '{ErasureRequests.Postgres}' AND verified_at IS NULL)", session))
                if ((bool)(await open.ExecuteScalarAsync(stop))!)
                    return WeekDrop.HeldByErasure;
            await using (var note = StoredEvents.Command(session, """
                INSERT INTO control.retention AS r (revision, rows_from) VALUES ($1, $2)
                ON CONFLICT (revision) DO UPDATE SET rows_from = greatest(r.rows_from, excluded.rows_from)
                """, (revision, NpgsqlDbType.Text), (week.Monday.AddDays(7), NpgsqlDbType.TimestampTz)))
                await note.ExecuteNonQueryAsync(stop);
            // 2. Nobody makes the week while it goes: the lock is that of ensure_week, and taken first there too.
            await using (var making = new NpgsqlCommand($"SELECT pg_advisory_xact_lock(hashtextextended('pipeline.ensure_week.{revision}', 0))", session))
                await making.ExecuteNonQueryAsync(stop);
            // 3. Locks events for as long as it takes to write the catalogue; the files go after the commit.
            await using (var drop = new NpgsqlCommand($"DROP TABLE IF EXISTS {revision}.{week.Table}", session))
                await drop.ExecuteNonQueryAsync(stop);
            await transaction.CommitAsync(stop);
            return WeekDrop.Dropped;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return WeekDrop.InUse;
        }
    }
}
