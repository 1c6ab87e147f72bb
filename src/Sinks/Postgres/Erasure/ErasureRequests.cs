using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>Whose events are to go: those that were received until <see cref="ReceivedUntil"/> and, where there is a range, occurred in [From, To).</summary>
public sealed record ErasureRequest(Guid Id, string Tenant, string UserId, DateTime ReceivedUntil, DateTime? From, DateTime? To)
{
    internal DateTime OccurredFrom => From ?? MetricsQuery.Beginning;

    internal DateTime OccurredTo => To ?? MetricsQuery.End;
}

/// <param name="Deleted">What a store deleted, by kind.</param>
/// <param name="VerifiedAt">When a scan after it found nothing; null before.</param>
public sealed record ErasureStep(string Store, IReadOnlyDictionary<string, long> Deleted, int Tries, string? LastError, DateTime? VerifiedAt);

/// <summary>What goes by age alone, and the tombstone keeps from coming back.</summary>
/// <param name="Store">kafka or rabbitmq.</param>
/// <param name="Name">The topic, or which queues.</param>
/// <param name="ExpiresBy">The latest time at which it is gone; null where it never is, or nobody knows.</param>
/// <param name="Note">How that is known.</param>
public sealed record ErasureExpiry(string Store, string Name, DateTime? ExpiresBy, string Note);

/// <param name="FinishedAt">Null while a store is still at it.</param>
/// <param name="ByAge">Empty until the processors have asked.</param>
public sealed record ErasureReceipt(Guid ErasureId, DateTime RequestedAt, DateTime? From, DateTime? To, DateTime? FinishedAt, IReadOnlyList<ErasureStep> Stores, IReadOnlyList<ErasureExpiry> ByAge);

/// <summary>Rows of the range are gone by retention: what was counted of them cannot be taken apart any more.</summary>
/// <param name="from">Ranges that begin then or later can be erased.</param>
public sealed class RowsExpiredException(DateTime from) : Exception($"Rows of before {from:u} may be gone by retention, and what they are counted in cannot be counted anew without them.")
{
    public DateTime From => from;
}

/// <summary>What was asked for, and how far it is.</summary>
public sealed class ErasureRequests(NpgsqlDataSource database)
{
    public const string Postgres = "postgres", InfluxDb = "influxdb";

    /// <summary>Commits the tombstone: from here on no event of the past comes back. The deleting is the processors'.</summary>
    /// <exception cref="RowsExpiredException">A range, and rows in it may be gone; nothing was changed.</exception>
    public async Task<Guid> CreateAsync(string tenant, string userId, DateTime? from, DateTime? to, CancellationToken stop)
    {
        var id = Guid.CreateVersion7();
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        // Its lock lets versions become visible in their order.
        await using var next = new NpgsqlCommand("UPDATE control.tombstone_state SET version = version + 1 RETURNING version, key, clock_timestamp()", connection);
        long version;
        byte[] hash;
        DateTime now;
        await using (var reader = await next.ExecuteReaderAsync(stop))
        {
            await reader.ReadAsync(stop);
            (version, hash, now) = (reader.GetInt64(0), Tombstones.Hash(reader.GetFieldValue<byte[]>(1), tenant, userId), reader.GetDateTime(2));
        }
        // Behind that lock: a week that is dropped now waits until this erasure is done.
        if ((from ?? to) is not null && await GoneRows.ExpiredAsync(connection, new ErasureRequest(id, tenant, userId, now, from, to), stop) is { } rowsFrom)
            throw new RowsExpiredException(rowsFrom);
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, "INSERT INTO control.erasures (erasure_id, tenant, user_id, user_hash, occurred_from, occurred_to, requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            id, tenant, userId, hash, OrNull(from), OrNull(to), now);
        Add(batch, "INSERT INTO control.tombstones (version, tenant, user_hash, received_until, occurred_from, occurred_to, erasure_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            version, tenant, hash, now, OrNull(from), OrNull(to), id);
        Add(batch, "INSERT INTO control.erasure_steps (erasure_id, store) SELECT $1, store FROM control.erasing_stores", id);
        await batch.ExecuteNonQueryAsync(stop);
        await transaction.CommitAsync(stop);
        return id;
    }

    /// <returns>Null for an id that nobody was given.</returns>
    public async Task<ErasureReceipt?> ReadAsync(Guid id, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        Add(batch, "SELECT requested_at, occurred_from, occurred_to, finished_at FROM control.erasures WHERE erasure_id = $1", id);
        Add(batch, "SELECT store, deleted::text, tries, last_error, verified_at FROM control.erasure_steps WHERE erasure_id = $1 ORDER BY store", id);
        Add(batch, "SELECT store, name, expires_by, note FROM control.erasure_expiries WHERE erasure_id = $1 ORDER BY store, name", id);
        await using var reader = await batch.ExecuteReaderAsync(stop);
        if (!await reader.ReadAsync(stop))
            return null;
        var receipt = new ErasureReceipt(id, reader.GetDateTime(0), TimeOrNull(reader, 1), TimeOrNull(reader, 2), TimeOrNull(reader, 3), [], []);
        await reader.NextResultAsync(stop);
        var steps = new List<ErasureStep>();
        while (await reader.ReadAsync(stop))
            steps.Add(new ErasureStep(reader.GetString(0), System.Text.Json.JsonSerializer.Deserialize<Dictionary<string, long>>(reader.GetString(1))!, reader.GetInt32(2),
                reader.IsDBNull(3) ? null : reader.GetString(3), TimeOrNull(reader, 4)));
        await reader.NextResultAsync(stop);
        var expiries = new List<ErasureExpiry>();
        while (await reader.ReadAsync(stop))
            expiries.Add(new ErasureExpiry(reader.GetString(0), reader.GetString(1), TimeOrNull(reader, 2), reader.GetString(3)));
        return receipt with { Stores = steps, ByAge = expiries };
    }

    /// <summary>Says that this store holds users' events: erasures that are open, and those asked for from now on, wait for it as well.</summary>
    public async Task RegisterAsync(string store, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        Add(batch, "INSERT INTO control.erasing_stores (store) VALUES ($1) ON CONFLICT DO NOTHING", store);
        Add(batch, "INSERT INTO control.erasure_steps (erasure_id, store) SELECT erasure_id, $1 FROM control.erasures WHERE finished_at IS NULL ON CONFLICT DO NOTHING", store);
        await batch.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Those that this store has not finished, the oldest first.</summary>
    public async Task<IReadOnlyList<ErasureRequest>> OpenAsync(string store, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT e.erasure_id, e.tenant, e.user_id, e.requested_at, e.occurred_from, e.occurred_to FROM control.erasures e JOIN control.erasure_steps s USING (erasure_id)
            WHERE e.finished_at IS NULL AND s.store = $1 AND s.verified_at IS NULL ORDER BY e.requested_at
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = store });
        await using var reader = await command.ExecuteReaderAsync(stop);
        var open = new List<ErasureRequest>();
        while (await reader.ReadAsync(stop))
            open.Add(new ErasureRequest(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetDateTime(3), TimeOrNull(reader, 4), TimeOrNull(reader, 5)));
        return open;
    }

    /// <summary>Notes what a store deleted in this attempt, or why it could not.</summary>
    public async Task NoteAsync(Guid id, string store, IReadOnlyDictionary<string, long> deleted, string? error, bool verified, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        Add(batch, """
            INSERT INTO control.erasure_steps AS s (erasure_id, store, deleted, tries, last_error, verified_at) VALUES ($1, $2, $3::jsonb, 1, $4, CASE WHEN $5 THEN clock_timestamp() END)
            ON CONFLICT (erasure_id, store) DO UPDATE SET tries = s.tries + 1, last_error = excluded.last_error, verified_at = excluded.verified_at,
                deleted = (SELECT coalesce(jsonb_object_agg(key, n), '{}') FROM (SELECT key, sum(value::bigint) AS n
                    FROM (SELECT * FROM jsonb_each_text(s.deleted) UNION ALL SELECT * FROM jsonb_each_text(excluded.deleted)) AS both_of_them GROUP BY key) AS summed)
            """, id, store, System.Text.Json.JsonSerializer.Serialize(deleted), (object?)error ?? DBNull.Value, verified);
        // The user's name goes with the last step.
        Add(batch, """
            UPDATE control.erasures SET finished_at = clock_timestamp(), user_id = NULL
            WHERE erasure_id = $1 AND finished_at IS NULL AND NOT EXISTS (SELECT FROM control.erasure_steps WHERE erasure_id = $1 AND verified_at IS NULL)
            """, id);
        await batch.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Keeps with the receipt when what goes by age is gone. The first time that is known stays.</summary>
    public async Task NoteExpiriesAsync(Guid id, IReadOnlyList<ErasureExpiry> expiries, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        foreach (var expiry in expiries)
            Add(batch, """
                INSERT INTO control.erasure_expiries AS e (erasure_id, store, name, expires_by, note) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (erasure_id, store, name) DO UPDATE SET expires_by = excluded.expires_by, note = excluded.note WHERE e.expires_by IS NULL
                """, id, expiry.Store, expiry.Name, OrNull(expiry.ExpiresBy), expiry.Note);
        await batch.ExecuteNonQueryAsync(stop);
    }

    static object OrNull(DateTime? time) => (object?)time ?? DBNull.Value;

    static DateTime? TimeOrNull(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetDateTime(column);

    static void Add(NpgsqlBatch batch, string sql, params object[] values)
    {
        var command = EventStatements.Command(sql, values);
        foreach (NpgsqlParameter parameter in command.Parameters)
            if (parameter.Value is DBNull)
                parameter.NpgsqlDbType = sql.Contains("last_error", StringComparison.Ordinal) ? NpgsqlDbType.Text : NpgsqlDbType.TimestampTz;
        batch.BatchCommands.Add(command);
    }
}
