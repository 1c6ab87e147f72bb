using Npgsql;

namespace Pipeline.Sinks.Postgres.Days;

/// <summary>Places in a pass where a test can end or stop the process: each before a commit.</summary>
public enum DaysPoint { InsideMove, InsideDays, InsideChanged }

/// <summary>What one pass added up.</summary>
/// <param name="Before">Every day before this is there.</param>
/// <param name="Changed">Days of a user in a project that were added up again.</param>
public readonly record struct DaysPass(string Revision, DateTime Before, bool IsFurther, long Changed);

/// <summary>
/// Adds up days that are over, from table <c>activity</c> into <c>activity_days</c>, in the live revision. It holds no batch up but when a day ends, for as long as those under way
/// take. Each step is a transaction, so that a crash at any line leaves days that readers do not use yet, or that are noted as changed, and the next pass goes on there.
/// </summary>
/// <param name="session">In no pool: it holds the lock by which one process at a time works.</param>
/// <param name="armed">Told of the points it passes; null in operation.</param>
/// <param name="keysAtOnce">Users × projects a transaction: the first time, each has all its days.</param>
public sealed class ClosedDays(NpgsqlConnection session, Action<DaysPoint>? armed = null, int keysAtOnce = 50)
{
    /// <summary>Changed days a transaction, and about so many a pass: what is changed without end is added up now and again only.</summary>
    const int ChangedAtOnce = 200, ChangedMax = 20_000;

    /// <summary>For so long batches may wait behind a move that waits for one of them.</summary>
    const int LockTimeoutMs = 1000;

    /// <summary>A day is over some hours after midnight, UTC: until then it is written to all the time.</summary>
    static readonly TimeSpan Lateness = TimeSpan.FromHours(6);

    /// <summary>
    /// Excludes an erasure, which locks this table against everybody, and no batch: both change what is added up here. By the indexes, whatever the planner knows of the tables; a plan that
    /// has to read a whole one all the same looks so dear that PostgreSQL would compile it, for longer than it runs.
    /// </summary>
    const string WithoutErasure = "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; LOCK TABLE offsets IN ROW EXCLUSIVE MODE";

    const string Keys = "unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS k (tenant, user_id, project_id, day_from, day_to)";

    /// <summary>From user to user by the index, which is many times as long.</summary>
    const string NextKeys = """
        WITH RECURSIVE keys AS (
            (SELECT tenant, user_id, project_id FROM activity WHERE (tenant, user_id, project_id) > ($1, $2, $3) ORDER BY 1, 2, 3 LIMIT 1)
            UNION ALL
            SELECT n.* FROM keys k CROSS JOIN LATERAL (
                SELECT a.tenant, a.user_id, a.project_id FROM activity a WHERE (a.tenant, a.user_id, a.project_id) > (k.tenant, k.user_id, k.project_id) ORDER BY 1, 2, 3 LIMIT 1) AS n
        ) SELECT tenant, user_id, project_id FROM keys LIMIT $4
        """;

    /// <summary>All notes of some days.</summary>
    const string TakeNotes = """
        DELETE FROM changed_days c USING (SELECT DISTINCT tenant, user_id, project_id, day FROM (SELECT * FROM changed_days LIMIT $1) AS looked_at) AS k
        WHERE c.tenant = k.tenant AND c.user_id = k.user_id AND c.project_id = k.project_id AND c.day = k.day RETURNING c.tenant, c.user_id, c.project_id, c.day
        """;

    const string Remove = $"""
        DELETE FROM activity_days d USING {Keys}
        WHERE d.tenant = k.tenant AND d.user_id = k.user_id AND d.project_id = k.project_id AND d.day >= k.day_from AND d.day < k.day_to
        """;

    static readonly string AddUp = $"""
        INSERT INTO activity_days (tenant, user_id, project_id, day, {WorkColumns.Names}, work_slots, other_slots)
        SELECT k.tenant, k.user_id, k.project_id, date_trunc('day', q.bucket, 'UTC'), {WorkColumns.Sums}, {Entries("work")}, {Entries("other")}
        FROM {Keys} CROSS JOIN LATERAL (
            SELECT bucket, {WorkColumns.Sums}, bit_or(slots) FILTER (WHERE event_type <= 4) AS work, bit_or(slots) FILTER (WHERE event_type > 4) AS other
            FROM (SELECT bucket, event_type, slots, {WorkColumns.OfActivity} FROM activity a
                WHERE a.tenant = k.tenant AND a.user_id = k.user_id AND a.project_id = k.project_id AND a.bucket >= k.day_from AND a.bucket < k.day_to OFFSET 0) AS rows
            GROUP BY bucket) AS q
        GROUP BY 1, 2, 3, 4
        """;

    readonly record struct Key(string Tenant, string UserId, string ProjectId);

    /// <returns>False while another process has the turn. It ends with the session.</returns>
    public async Task<bool> TakeTurnAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtextextended('pipeline.closed_days', 0))", session);
        return (bool)(await command.ExecuteScalarAsync(stop))!;
    }

    public async Task<DaysPass> PassAsync(DateTime now, CancellationToken stop)
    {
        var revision = await LiveAsync(stop);
        var (notedBefore, addedUpBefore, over) = await StateAsync(now, stop);
        // 1. From here on whoever writes into the days that are now over notes them. A crash after it: the next pass takes the step below.
        if (addedUpBefore == notedBefore && notedBefore < over && await MoveAsync(over, stop))
            notedBefore = over;
        // 2. Every user's days up to there. A crash within: readers do not use them yet, and they are made again.
        var isFurther = addedUpBefore < notedBefore;
        if (isFurther)
            await AddUpAsync(addedUpBefore, notedBefore, stop);
        // 3. What was changed since it was added up.
        long changed = 0, taken;
        do
            changed += taken = await AddUpChangedAsync(stop);
        while (taken > 0 && changed < ChangedMax);
        return new DaysPass(revision, notedBefore, isFurther, changed);
    }

    async Task<string> LiveAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT revision, set_config('search_path', revision || ', pg_catalog', false) FROM control.live", session);
        return (string)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>By the earlier of PostgreSQL's clock and this one: one that is ahead ends no day. Nor does one end in an empty store, so that what is brought into it first, which is old, needs no notes.</summary>
    async Task<(DateTime NotedBefore, DateTime AddedUpBefore, DateTime Over)> StateAsync(DateTime now, CancellationToken stop)
    {
        await using var command = Command("SELECT noted_before, added_up_before, CASE WHEN EXISTS (SELECT FROM activity) THEN least(clock_timestamp(), $1) ELSE noted_before END FROM days_state", now);
        await using var reader = await command.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        return (reader.GetDateTime(0), reader.GetDateTime(1), (reader.GetDateTime(2) - Lateness).Date);
    }

    /// <summary>While nobody is behind a fence: who passes it later notes, and who passed it before has committed what will be added up.</summary>
    /// <returns>False where a batch takes too long.</returns>
    async Task<bool> MoveAsync(DateTime before, CancellationToken stop)
    {
        await using var transaction = await session.BeginTransactionAsync(stop);
        try
        {
            await RunAsync($"SET LOCAL lock_timeout = {LockTimeoutMs}; LOCK TABLE offsets IN EXCLUSIVE MODE", stop);
            await using (var move = Command("UPDATE days_state SET noted_before = $1", before))
                await move.ExecuteNonQueryAsync(stop);
            armed?.Invoke(DaysPoint.InsideMove);
            await transaction.CommitAsync(stop);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return false;
        }
    }

    async Task AddUpAsync(DateTime from, DateTime to, CancellationToken stop)
    {
        var last = new Key("", "", "");
        for (var isLast = false; !isLast;)
        {
            await using var transaction = await session.BeginTransactionAsync(stop);
            await RunAsync(WithoutErasure, stop);
            var keys = await NextKeysAsync(last, stop);
            await AddUpAsync([.. keys.Select(k => (k, from, to))], stop);
            isLast = keys.Count < keysAtOnce;
            if (isLast)
                await RunAsync("UPDATE days_state SET added_up_before = noted_before", stop);
            else
                last = keys[^1];
            armed?.Invoke(DaysPoint.InsideDays);
            await transaction.CommitAsync(stop);
        }
    }

    async Task<List<Key>> NextKeysAsync(Key last, CancellationToken stop)
    {
        await using var command = Command(NextKeys, last.Tenant, last.UserId, last.ProjectId, keysAtOnce);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var keys = new List<Key>();
        while (await reader.ReadAsync(stop))
            keys.Add(new Key(reader.GetString(0), reader.GetString(1), reader.GetString(2)));
        return keys;
    }

    /// <summary>A note is taken before the rows are looked at: what it stands for was committed with it, and what is committed later has a note of its own.</summary>
    /// <returns>How many days there were.</returns>
    async Task<long> AddUpChangedAsync(CancellationToken stop)
    {
        await using var transaction = await session.BeginTransactionAsync(stop);
        await RunAsync(WithoutErasure, stop);
        var days = new HashSet<(Key Key, DateTime From, DateTime To)>();
        await using (var take = Command(TakeNotes, ChangedAtOnce))
        await using (var reader = await take.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                days.Add((new Key(reader.GetString(0), reader.GetString(1), reader.GetString(2)), reader.GetDateTime(3), reader.GetDateTime(3).AddDays(1)));
        if (days.Count == 0)
            return 0;
        await AddUpAsync([.. days], stop);
        armed?.Invoke(DaysPoint.InsideChanged);
        await transaction.CommitAsync(stop);
        return days.Count;
    }

    async Task AddUpAsync(List<(Key Key, DateTime From, DateTime To)> days, CancellationToken stop)
    {
        foreach (var sql in (string[])[Remove, AddUp])
        {
            await using var command = Command(sql, days.Select(d => d.Key.Tenant).ToArray(), days.Select(d => d.Key.UserId).ToArray(), days.Select(d => d.Key.ProjectId).ToArray(),
                days.Select(d => d.From).ToArray(), days.Select(d => d.To).ToArray());
            await command.ExecuteNonQueryAsync(stop);
        }
    }

    static string Entries(string slots) => $"string_agg(substring(int2send((extract(epoch FROM q.bucket)::bigint / 900 % 96)::int2) FROM 2) || substring(bit_send({slots}) FROM 5), '') AS {slots}_slots";

    NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, session);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    async Task RunAsync(string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(stop);
    }
}
