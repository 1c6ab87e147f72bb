using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Retention;

/// <summary>
/// Tombstones are needed as long as a copy of the erased events can come that was received before them. Sessions that have read one go on with it, which harms nothing;
/// versions are never given twice.
/// </summary>
public static class TombstoneRetention
{
    /// <summary>Those of erasures that are done and of before <paramref name="until"/>.</summary>
    public static async Task<long> TrimAsync(NpgsqlConnection session, DateTime until, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, """
            DELETE FROM control.tombstones t WHERE t.received_until < $1 AND NOT EXISTS (SELECT FROM control.erasures e WHERE e.erasure_id = t.erasure_id AND e.finished_at IS NULL)
            """, (until, NpgsqlDbType.TimestampTz));
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Those that a later one of the same user covers.</summary>
    public static async Task<long> MergeAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            DELETE FROM control.tombstones t USING control.tombstones w
            WHERE (w.tenant, w.user_hash) = (t.tenant, t.user_hash) AND w.version > t.version AND w.received_until >= t.received_until
              AND (w.occurred_from IS NULL OR w.occurred_from <= t.occurred_from) AND (w.occurred_to IS NULL OR w.occurred_to >= t.occurred_to)
            """, session);
        return await command.ExecuteNonQueryAsync(stop);
    }
}
