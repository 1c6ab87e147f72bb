using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>What a host may decide by itself about logs that do not fit.</summary>
public sealed record OwnershipRules(string Owner, bool AcceptNewLogs, string TopicTenant);

/// <summary>
/// Makes one session the owner of a log: raises the epoch, so that every write of an earlier owner fails, and says from where to go on.
/// Lock order: control.live, then the offsets row; promotion takes them in the same order.
/// </summary>
public sealed class LogOwnership(OwnershipRules rules)
{
    static readonly TimeSpan ZombiePatience = TimeSpan.FromSeconds(5);

    /// <summary>Takes the log over. Waits for an open transaction of the previous owner for 5 s, then ends that owner's session.</summary>
    /// <exception cref="LogMismatchException">The log cannot continue what is stored; nothing was changed. Where another log is stored, the caller asks the cluster which is the topic's and tries again with <see cref="LogPlace.Replaces"/>.</exception>
    public async Task<Fence> AcquireAsync(NpgsqlConnection session, LogPlace log, LogExtent extent, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                return await TryAcquireAsync(session, log, extent, stop);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await EndPreviousOwnerAsync(session, log, stop);
            }
        }
    }

    /// <summary>Gives the log up, so that the next owner knows that this one did not vanish. A no-op under an old epoch.</summary>
    public static async Task ReleaseAsync(NpgsqlConnection session, Fence fence, CancellationToken stop)
    {
        await using var command = Command(session, "UPDATE offsets SET owner = NULL, backend_pid = NULL, backend_start = NULL, trying = NULL, tries = 0 WHERE log_id = $1 AND epoch = $2",
            fence.LogId, fence.Epoch);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>
    /// Commits which record is about to be read. A record tried for the first time starts at the count from which records are tried alone, so that it gets
    /// its own tries, wherever it stands behind others that went well.
    /// </summary>
    /// <exception cref="FencedException">Another owner has the log.</exception>
    public static async Task MarkTryingAsync(NpgsqlConnection session, Fence fence, long offset, CancellationToken stop)
    {
        await using var command = Command(session, "UPDATE offsets SET tries = CASE WHEN trying = $3 THEN tries ELSE $4 END, trying = $3, trying_epoch = $2 WHERE log_id = $1 AND epoch = $2 AND closed_at IS NULL",
            fence.LogId, fence.Epoch, offset, TriesBeforeAlone);
        if (await command.ExecuteNonQueryAsync(stop) != 1)
            throw new FencedException($"{fence.Log} has another owner");
    }

    /// <summary>After so many vanished owners in a row records are read one by one.</summary>
    public const int TriesBeforeAlone = 3;

    async Task<Fence> TryAcquireAsync(NpgsqlConnection session, LogPlace log, LogExtent extent, CancellationToken stop)
    {
        await using var transaction = await session.BeginTransactionAsync(stop);
        await using (var live = Command(session, $"SET LOCAL lock_timeout = {(int)ZombiePatience.TotalMilliseconds}"))
            await live.ExecuteNonQueryAsync(stop);
        string revision;
        await using (var live = Command(session, "SELECT revision FROM control.live FOR SHARE"))
            revision = (string)(await live.ExecuteScalarAsync(stop) ?? throw new InvalidOperationException("control.live is empty: run --migrate"));
        await using (var path = Command(session, $"SET search_path = {revision}, pg_catalog"))
            await path.ExecuteNonQueryAsync(stop);

        var stored = await FindAsync(session, log, stop);
        if (stored is { } row && row.TopicId != log.TopicId)
        {
            await CloseForNewLogAsync(session, log, row, stop);
            stored = null;
        }
        if (stored is null)
            await InsertAsync(session, log, extent.Start, stop);
        else if (stored.Value.NextOffset > extent.End)
            throw new LogMismatchException(log, "offset_beyond_end", $"{log}: stored up to offset {stored.Value.NextOffset}, but the log ends at {extent.End}: the broker lost records.");
        else if (stored.Value.NextOffset < extent.Start)
            await AcceptLossAsync(session, log, stored.Value, extent, stop);
        var fence = await RaiseEpochAsync(session, log, extent, revision, stop);
        await transaction.CommitAsync(stop);
        return fence;
    }

    readonly record struct StoredLog(string TopicId, int LogId, long NextOffset);

    static async Task<StoredLog?> FindAsync(NpgsqlConnection session, LogPlace log, CancellationToken stop)
    {
        await using var command = Command(session, "SELECT topic_id, log_id, next_offset FROM offsets WHERE consumer = $1 AND topic = $2 AND partition = $3 AND closed_at IS NULL FOR UPDATE",
            log.Consumer, log.Topic, log.Partition);
        await using var reader = await command.ExecuteReaderAsync(stop);
        return await reader.ReadAsync(stop) ? new StoredLog(reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2)) : null;
    }

    async Task CloseForNewLogAsync(NpgsqlConnection session, LogPlace log, StoredLog stored, CancellationToken stop)
    {
        if (log.Replaces != stored.TopicId || (!rules.AcceptNewLogs && !await UseAcceptanceAsync(session, log, "new_log", stop)))
            throw new LogMismatchException(log, "topic_changed", $"{log}: the topic was made anew (id {stored.TopicId} became {log.TopicId}); stored up to offset {stored.NextOffset} of the old one.") { StoredTopicId = stored.TopicId };
        await using var command = Command(session, "UPDATE offsets SET closed_at = now(), epoch = epoch + 1, owner = NULL, backend_pid = NULL, backend_start = NULL WHERE log_id = $1", stored.LogId);
        await command.ExecuteNonQueryAsync(stop);
    }

    async Task AcceptLossAsync(NpgsqlConnection session, LogPlace log, StoredLog stored, LogExtent extent, CancellationToken stop)
    {
        var lost = extent.Start - stored.NextOffset;
        if (!await UseAcceptanceAsync(session, log, "loss", stop))
            throw new LogMismatchException(log, "records_expired", $"{log}: {lost} offsets from {stored.NextOffset} were removed from the log before they were stored; it starts at {extent.Start} now.");
        await using var command = Command(session, """
            WITH moved AS (UPDATE offsets SET next_offset = $2 WHERE log_id = $1)
            INSERT INTO outcomes VALUES ($3, $4, $5, $6, 'expired', $7)
            ON CONFLICT (consumer, topic_id, partition, tenant, outcome) DO UPDATE SET n = outcomes.n + excluded.n
            """, stored.LogId, extent.Start, log.Consumer, log.TopicId, log.Partition, rules.TopicTenant, lost);
        await command.ExecuteNonQueryAsync(stop);
    }

    static async Task<bool> UseAcceptanceAsync(NpgsqlConnection session, LogPlace log, string kind, CancellationToken stop)
    {
        await using var command = Command(session, "UPDATE control.acceptances SET used_at = now() WHERE consumer = $1 AND topic = $2 AND partition = $3 AND kind = $4 AND used_at IS NULL",
            log.Consumer, log.Topic, log.Partition, kind);
        return await command.ExecuteNonQueryAsync(stop) > 0;
    }

    static async Task InsertAsync(NpgsqlConnection session, LogPlace log, long start, CancellationToken stop)
    {
        await using var command = Command(session, "INSERT INTO offsets (consumer, topic_id, partition, topic, first_offset, next_offset) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING",
            log.Consumer, log.TopicId, log.Partition, log.Topic, start);
        await command.ExecuteNonQueryAsync(stop);
    }

    async Task<Fence> RaiseEpochAsync(NpgsqlConnection session, LogPlace log, LogExtent extent, string revision, CancellationToken stop)
    {
        // An owner that vanished while there was nothing to read was not ended by a record; nor by the record being tried, if it never came to it.
        await using var command = Command(session, """
            UPDATE offsets SET epoch = epoch + 1, tries = CASE WHEN next_offset >= $5 THEN 0 WHEN owner <> $4 AND (trying IS NULL OR trying_epoch = epoch) THEN tries + 1 ELSE tries END, owner = $4, backend_pid = pg_backend_pid(),
                backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
            WHERE consumer = $1 AND topic_id = $2 AND partition = $3 AND closed_at IS NULL
            RETURNING log_id, epoch, next_offset, tries, trying
            """, log.Consumer, log.TopicId, log.Partition, rules.Owner, extent.End);
        await using var reader = await command.ExecuteReaderAsync(stop);
        if (!await reader.ReadAsync(stop))
            throw new LogMismatchException(log, "topic_changed", $"{log}: topic id {log.TopicId} was closed before; a log never comes back.");
        return new Fence(log, reader.GetInt32(0), reader.GetInt64(1), revision)
        {
            NextOffset = reader.GetInt64(2), Tries = reader.GetInt32(3), Trying = await reader.IsDBNullAsync(4, stop) ? null : reader.GetInt64(4),
        };
    }

    /// <summary>Ends the session that the row names (the failed attempt took its search_path back, so the view is asked), if it is still the same session: a client stopped inside COPY never times out by itself.</summary>
    static async Task EndPreviousOwnerAsync(NpgsqlConnection session, LogPlace log, CancellationToken stop)
    {
        await using var command = Command(session, """
            SELECT pg_terminate_backend(a.pid) FROM pipeline.offsets o JOIN pg_stat_activity a ON a.pid = o.backend_pid AND a.backend_start = o.backend_start
            WHERE o.consumer = $1 AND o.topic = $2 AND o.partition = $3 AND o.closed_at IS NULL AND a.pid <> pg_backend_pid()
            """, log.Consumer, log.Topic, log.Partition);
        await command.ExecuteNonQueryAsync(stop);
    }

    static NpgsqlCommand Command(NpgsqlConnection session, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, session);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
