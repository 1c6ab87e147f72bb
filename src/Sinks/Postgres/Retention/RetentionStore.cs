using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Retention;

/// <summary>An open log as far as the ledger's memory depends on it.</summary>
/// <param name="NewestLoggedAt">Log time of the last row that is there; null for none.</param>
public sealed record LogPosition(string Topic, int Partition, long NextOffset, DateTime? NewestLoggedAt);

/// <summary>How far retention is in one revision.</summary>
/// <param name="OldestWeek">The Monday of the oldest week of rows; null for none.</param>
/// <param name="RowsFrom">Rows logged before this are gone; null while none is.</param>
/// <param name="LedgerFrom">Ids logged before this are gone; null while none is.</param>
public sealed record RevisionRetention(string Revision, DateTime? OldestWeek, DateTime? RowsFrom, DateTime? LedgerFrom, DateTime? PassedAt);

/// <summary>What retention reads and keeps in control. Its session is its own, and holds the lock by which one process at a time works.</summary>
public sealed class RetentionStore(NpgsqlConnection session)
{
    const string Names = @"SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^rev_\d+$' ORDER BY 1";

    /// <returns>False while another process has the turn. It ends with the session.</returns>
    public async Task<bool> TakeTurnAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtextextended('pipeline.retention', 0))", session);
        return (bool)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>Every revision, live or not.</summary>
    public async Task<IReadOnlyList<string>> RevisionsAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(Names, session);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var revisions = new List<string>();
        while (await reader.ReadAsync(stop))
            revisions.Add(reader.GetString(0));
        return revisions;
    }

    /// <summary>The topics whose logs are still written to, in this revision.</summary>
    public async Task<IReadOnlyList<string>> TopicsAsync(string revision, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"SELECT DISTINCT topic FROM {revision}.offsets WHERE closed_at IS NULL", session);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var topics = new List<string>();
        while (await reader.ReadAsync(stop))
            topics.Add(reader.GetString(0));
        return topics;
    }

    /// <summary>The logs that are still written to, in this revision.</summary>
    public async Task<IReadOnlyList<LogPosition>> LogsAsync(string revision, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT o.topic, o.partition, o.next_offset, (SELECT e.logged_at FROM {revision}.events e WHERE e.log_id = o.log_id ORDER BY e."offset" DESC LIMIT 1)
            FROM {revision}.offsets o WHERE o.closed_at IS NULL ORDER BY 1, 2
            """, session);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var logs = new List<LogPosition>();
        while (await reader.ReadAsync(stop))
            logs.Add(new LogPosition(reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetDateTime(3)));
        return logs;
    }

    /// <summary>The earlier of PostgreSQL's clock and this one: one that is ahead takes nothing.</summary>
    public async Task<DateTime> NowAsync(DateTime here, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, "SELECT least(clock_timestamp(), $1)", (here, NpgsqlDbType.TimestampTz));
        return (DateTime)(await command.ExecuteScalarAsync(stop))!;
    }

    public async Task PassedAsync(string revision, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, """
            INSERT INTO control.retention (revision, passed_at) VALUES ($1, clock_timestamp()) ON CONFLICT (revision) DO UPDATE SET passed_at = excluded.passed_at
            """, (revision, NpgsqlDbType.Text));
        await command.ExecuteNonQueryAsync(stop);
    }

    public async Task<RevisionRetention> ReadAsync(string revision, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, $"""
            SELECT (SELECT min(monday) FROM ({WeekRetention.Weeks(revision)}) AS weeks), r.rows_from, r.ledger_from, r.passed_at
            FROM (SELECT) AS one LEFT JOIN control.retention r ON r.revision = $1
            """, (revision, NpgsqlDbType.Text));
        await using var reader = await command.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        DateTime? At(int column) => reader.IsDBNull(column) ? null : reader.GetDateTime(column);
        return new RevisionRetention(revision, At(0), At(1), At(2), At(3));
    }
}
