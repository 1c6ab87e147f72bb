using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Tasks;

/// <summary>The only one who completes and abandons tasks. The first answer stays, so that everything here may be repeated.</summary>
public sealed class TaskAnswers(NpgsqlDataSource database)
{
    /// <summary>Of a request whose record nobody read.</summary>
    public const string NotRead = "not_read";

    const int Step = 5000;

    static readonly string WriteSql = $"""
        UPDATE control.tasks t SET {TaskColumns.End("g.state")}, finished_at = clock_timestamp(), lease_until = NULL,
            result = g.result, error_code = g.code, error_message = g.message, error_path = g.path, metadata = g.metadata
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS g(tenant, request_id, state, result, code, message, path, metadata)
        WHERE t.tenant = g.tenant AND t.request_id = g.request_id AND t.state < 7
        """;

    static readonly string NotReadSql = $"""
        UPDATE control.tasks t SET {TaskColumns.End("8")}, finished_at = clock_timestamp(), error_code = $2, error_message = 'Nobody read its record from the topic in time.', error_path = ''
        WHERE (tenant, request_id) IN (SELECT tenant, request_id FROM control.tasks WHERE state = 1 AND submitted_at < clock_timestamp() - $1 ORDER BY submitted_at LIMIT {Step} FOR UPDATE SKIP LOCKED)
        """;

    static readonly string ForgetSql = $"""
        DELETE FROM control.tasks WHERE (tenant, request_id) IN
            (SELECT tenant, request_id FROM control.tasks WHERE submitted_at < clock_timestamp() - $1 AND finished_at < clock_timestamp() - $1 ORDER BY submitted_at LIMIT {Step} FOR UPDATE SKIP LOCKED)
        """;

    readonly ErasedAnswers _erased = new();

    /// <returns>How many tasks ended by this.</returns>
    public async Task<int> WriteAsync(IReadOnlyCollection<TaskAnswer> answers, CancellationToken stop)
    {
        // Repeated within a batch, the first one counts: a join that finds two takes any.
        var first = answers.DistinctBy(a => a.Key).OrderBy(a => a.Key.Tenant, StringComparer.Ordinal).ThenBy(a => a.Key.RequestId, StringComparer.Ordinal).ToList();
        if (first.Count == 0)
            return 0;
        await using var connection = await database.OpenConnectionAsync(stop);
        if (!first.Exists(ErasedAnswers.Concerns))
            return await WriteAsync(connection, first, stop);
        // Behind the fence of erasures: what it does not know yet finds these answers written, and deletes them.
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var written = await WriteAsync(connection, await _erased.WithoutAsync(connection, first, stop), stop);
        await transaction.CommitAsync(stop);
        return written;
    }

    static async Task<int> WriteAsync(NpgsqlConnection connection, IReadOnlyList<TaskAnswer> first, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(WriteSql, connection);
        command.Parameters.Add(Array(NpgsqlDbType.Text, first.Select(a => a.Key.Tenant)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, first.Select(a => a.Key.RequestId)));
        command.Parameters.Add(Array(NpgsqlDbType.Smallint, first.Select(a => (short)a.State)));
        command.Parameters.Add(Array(NpgsqlDbType.Json, first.Select(a => a.Result)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, first.Select(a => a.Error?.Code)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, first.Select(a => a.Error?.Message)));
        command.Parameters.Add(Array(NpgsqlDbType.Text, first.Select(a => a.Error?.Path)));
        command.Parameters.Add(Array(NpgsqlDbType.Json, first.Select(a => a.Metadata)));
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Ends what was submitted so long ago without being read: the process that was to produce it died before it did, or the topic has forgotten it.</summary>
    public async Task<int> AbandonUnreadAsync(TimeSpan after, CancellationToken stop)
    {
        await using var command = database.CreateCommand(NotReadSql);
        command.Parameters.AddWithValue(after);
        command.Parameters.AddWithValue(NotRead);
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Removes tasks that ended so long ago.</summary>
    public async Task<int> ForgetAsync(TimeSpan after, CancellationToken stop)
    {
        await using var command = database.CreateCommand(ForgetSql);
        command.Parameters.AddWithValue(after);
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <returns>Tasks that were read so long ago and have not ended: nothing that is in order takes as long.</returns>
    public async Task<long> CountOverdueAsync(TimeSpan after, TimeSpan within, CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT count(*) FROM control.tasks WHERE submitted_at BETWEEN clock_timestamp() - $2 AND clock_timestamp() - $1 AND state BETWEEN 2 AND 6");
        command.Parameters.AddWithValue(after);
        command.Parameters.AddWithValue(within);
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    static NpgsqlParameter Array<T>(NpgsqlDbType type, IEnumerable<T> values) => new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = [.. values] };
}
