using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Retention;

/// <summary>
/// Takes ids from the ledger that are older than its memory. The ledger has no index by time, which every event would pay for: it is walked through page by page, a slice a
/// transaction. How far it is stands in control.retention, so that a walk goes on where it was ended.
/// </summary>
public sealed class LedgerRetention(NpgsqlConnection session, string revision)
{
    /// <summary>4 MiB, some 44,000 ids: 20 ms to look at, a quarter of a second when all of them go (docs/decisions).</summary>
    const int SlicePages = 500;

    /// <summary>Begins a walk that takes what was logged before <paramref name="until"/>, or goes on with the one that is under way.</summary>
    /// <returns>Null where the last walk took all that, or nearly: within <paramref name="step"/>.</returns>
    public async Task<DateTime?> BeginAsync(DateTime until, TimeSpan step, CancellationToken stop)
    {
        await using var begin = StoredEvents.Command(session, """
            INSERT INTO control.retention AS r (revision, ledger_until) VALUES ($1, $2)
            ON CONFLICT (revision) DO UPDATE SET ledger_until = coalesce(r.ledger_until, excluded.ledger_until)
                WHERE r.ledger_until IS NOT NULL OR r.ledger_from IS NULL OR r.ledger_from + $3 <= excluded.ledger_until
            RETURNING ledger_until
            """, (revision, NpgsqlDbType.Text), (until, NpgsqlDbType.TimestampTz), (step, NpgsqlDbType.Interval));
        if (await begin.ExecuteScalarAsync(stop) is not DateTime walking)
            return null;
        await LetterIds.KeepAsync(session, revision, walking, stop);
        return walking;
    }

    /// <summary>The next slice of the walk. Ids that somebody holds a lock on are left to the next walk: this one never waits for a writer.</summary>
    /// <returns>How many ids went, and whether that was the last slice.</returns>
    public async Task<(long Trimmed, bool IsLast)> StepAsync(DateTime until, CancellationToken stop)
    {
        await using var transaction = await session.BeginTransactionAsync(stop);
        long page, pages;
        await using (var at = StoredEvents.Command(session, $"""
            SELECT ledger_page, pg_relation_size('{revision}.event_ledger') / current_setting('block_size')::int FROM control.retention WHERE revision = $1 AND ledger_until = $2 FOR UPDATE
            """, (revision, NpgsqlDbType.Text), (until, NpgsqlDbType.TimestampTz)))
        await using (var reader = await at.ExecuteReaderAsync(stop))
        {
            if (!await reader.ReadAsync(stop))
                throw new InvalidOperationException($"the walk through the ledger of {revision} was ended by somebody else");
            (page, pages) = (reader.GetInt64(0), reader.GetInt64(1));
        }
        var (next, isLast) = (page + SlicePages, page + SlicePages >= pages);
        await using var delete = StoredEvents.Command(session, $"""
            DELETE FROM {revision}.event_ledger WHERE ctid = ANY (ARRAY(
                SELECT l.ctid FROM {revision}.event_ledger l WHERE l.ctid >= '({page},0)' AND l.ctid < '({next},0)' AND l.logged_at < $1
                    AND NOT EXISTS (SELECT FROM pg_temp.kept_ids k WHERE k.event_id = l.event_id AND k.tenant = l.tenant)
                FOR UPDATE SKIP LOCKED))
            """, (until, NpgsqlDbType.TimestampTz));
        var trimmed = await delete.ExecuteNonQueryAsync(stop);
        // In the same transaction: after a crash the slice is still to be done, or done.
        await using var note = StoredEvents.Command(session, isLast
            ? "UPDATE control.retention SET ledger_from = $2, ledger_until = NULL, ledger_page = 0 WHERE revision = $1 AND ledger_until = $2"
            : $"UPDATE control.retention SET ledger_page = {next} WHERE revision = $1 AND ledger_until = $2", (revision, NpgsqlDbType.Text), (until, NpgsqlDbType.TimestampTz));
        await note.ExecuteNonQueryAsync(stop);
        await transaction.CommitAsync(stop);
        return (trimmed, isLast);
    }
}
