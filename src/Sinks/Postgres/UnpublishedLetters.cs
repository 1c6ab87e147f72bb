using Npgsql;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres;

/// <param name="Table">Where the letter stands, with its schema.</param>
public sealed record UnpublishedLetter(string Table, LogPlace Log, DeadLetter Letter);

/// <summary>
/// The dead letters that nobody has told RabbitMQ about yet: of the live revision and of <c>control</c>. One process at a time reads them,
/// through the session that holds the lock; it is free for the next one when the session ends, in whatever way. Each row is marked by itself,
/// because rows become visible in another order than they were numbered in.
/// </summary>
public sealed class UnpublishedLetters(NpgsqlDataSource sessions) : IAsyncDisposable
{
    const long AdvisoryLock = 0x6F_75_74_62_6F_78;
    const int CountMax = 100_000;

    /// <summary>A holder that was stopped, and so neither works nor ends, loses its session after this; one that works asks several times a second.</summary>
    const string SetUpSession = "SET idle_session_timeout = '30s'; SET random_page_cost = 1.1";

    /// <summary>As many as fit into the bytes, at least one. The sizes are read without the values.</summary>
    const string Next = $$"""
        SELECT {{DeadLetterRow.Columns}}
        FROM (SELECT *, sum(size) OVER (ORDER BY topic_id, partition, "offset", consumer) - size AS bytes_before
            FROM (SELECT *, 1000 + coalesce(octet_length(value), 0) + coalesce(octet_length(key), 0) + pg_column_size(header_values) AS size FROM {0}
                WHERE published_at IS NULL ORDER BY topic_id, partition, "offset", consumer LIMIT $1) due) sized
        WHERE bytes_before < $2 ORDER BY topic_id, partition, "offset", consumer
        """;

    const string Mark = """
        UPDATE {0} d SET published_at = now() FROM unnest($1, $2, $3, $4) AS p (consumer, topic_id, partition, "offset")
        WHERE (d.consumer, d.topic_id, d.partition, d."offset") = (p.consumer, p.topic_id, p.partition, p."offset") AND d.published_at IS NULL
        """;

    NpgsqlConnection? _session;

    /// <summary>Whether this process is the one that publishes. To be asked before each chunk.</summary>
    public async Task<bool> TakeAsync(CancellationToken stop)
    {
        if (_session is { State: System.Data.ConnectionState.Open })
            return true;
        await CloseAsync();
        var session = await sessions.OpenConnectionAsync(stop);
        try
        {
            await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({AdvisoryLock})", session);
            if (!(bool)(await command.ExecuteScalarAsync(stop))!)
                return false;
            await using var setUp = new NpgsqlCommand(SetUpSession, session);
            await setUp.ExecuteNonQueryAsync(stop);
            (_session, session) = (session, null);
            return true;
        }
        finally
        {
            if (session is not null)
                await session.DisposeAsync();
        }
    }

    /// <summary>The next letters in the order of their logs, from one table at a time; none when all are published.</summary>
    public async Task<IReadOnlyList<UnpublishedLetter>> NextAsync(int lettersMax, long bytesMax, CancellationToken stop)
    {
        foreach (var table in await TablesAsync(stop))
        {
            var letters = new List<UnpublishedLetter>();
            await using var command = Command(Next, table);
            command.Parameters.Add(new NpgsqlParameter { Value = lettersMax });
            command.Parameters.Add(new NpgsqlParameter { Value = bytesMax });
            await using var reader = await command.ExecuteReaderAsync(stop);
            while (await reader.ReadAsync(stop))
                letters.Add(Read(table, reader));
            if (letters.Count > 0)
                return letters;
        }
        return [];
    }

    /// <summary>Marks letters of one table as published.</summary>
    public async Task MarkAsync(IReadOnlyList<UnpublishedLetter> letters, CancellationToken stop)
    {
        await using var command = Command(Mark, letters[0].Table);
        command.Parameters.Add(new NpgsqlParameter { Value = letters.Select(l => l.Log.Consumer).ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = letters.Select(l => l.Log.TopicId).ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = letters.Select(l => l.Log.Partition).ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = letters.Select(l => l.Letter.Offset).ToArray() });
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>How many there are, counted up to 100,000 a table.</summary>
    public async Task<long> CountAsync(CancellationToken stop)
    {
        var count = 0L;
        foreach (var table in await TablesAsync(stop))
        {
            await using var command = Command($"SELECT count(*) FROM (SELECT FROM {{0}} WHERE published_at IS NULL LIMIT {CountMax}) due", table);
            count += (long)(await command.ExecuteScalarAsync(stop))!;
        }
        return count;
    }

    /// <summary>Gives the lock back by ending the session.</summary>
    public ValueTask DisposeAsync() => CloseAsync();

    public async ValueTask CloseAsync()
    {
        if (_session is { } session)
            await session.DisposeAsync();
        _session = null;
    }

    async Task<string[]> TablesAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT revision FROM control.live", _session);
        return [$"{await command.ExecuteScalarAsync(stop)}.dead_letters", "control.dead_letters"];
    }

    NpgsqlCommand Command(string sql, string table) => new(sql.Replace("{0}", table, StringComparison.Ordinal), _session);

    static UnpublishedLetter Read(string table, NpgsqlDataReader row)
    {
        var stored = DeadLetterRow.Read(row);
        return new UnpublishedLetter(table, new LogPlace(stored.Consumer, stored.Topic, stored.TopicId, stored.Partition), DeadLetterRow.ToLetter(stored));
    }
}
