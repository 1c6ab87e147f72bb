using System.Runtime.CompilerServices;
using Npgsql;

namespace Pipeline.DevTool;

/// <summary>What PostgreSQL says about one consumer of one topic, all of it from one snapshot.</summary>
/// <param name="Difference">Σ |difference| over the partitions, so that two errors cannot cancel.</param>
sealed record Balance(
    long Advanced, long Outcomes, long Difference, long Ledger, long Rows,
    Dictionary<int, long> NextOffsets, List<(string Outcome, long N)> ByOutcome)
{
    public long Stored => ByOutcome.Where(row => row.Outcome == "stored").Sum(row => row.N);
}

/// <summary>Reads offsets, outcomes, ledger and rows in one REPEATABLE READ transaction.</summary>
sealed class Books(Arguments arguments) : IAsyncDisposable
{
    readonly NpgsqlDataSource source = NpgsqlDataSource.Create(ConnectionString(arguments.Text("postgres")));

    public string Topic { get; } = arguments.Text("topic", "efficiency.events");

    public string Consumer { get; } = arguments.Text("consumer", "events-postgres");

    public async Task<Balance> Read(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, stop);
        long advanced = 0, outcomes = 0, difference = 0;
        var next = new Dictionary<int, long>();
        const string conservation = """
            SELECT partition::int, first_offset::bigint, next_offset::bigint, outcomes::bigint, difference::bigint
            FROM pipeline.conservation WHERE consumer = $1 AND topic = $2 ORDER BY closed_at NULLS LAST
            """;
        await foreach (var row in Query(connection, conservation, stop, Consumer, Topic))
        {
            // A topic made anew has a closed row too; the open one, which comes last, speaks of the log that Kafka holds.
            next[row.GetInt32(0)] = row.GetInt64(2);
            advanced += row.GetInt64(2) - row.GetInt64(1);
            outcomes += row.GetInt64(3);
            difference += Math.Abs(row.GetInt64(4));
        }
        var byOutcome = new List<(string, long)>();
        const string sums = """
            SELECT outcome::text, sum(n)::bigint FROM rev_1.outcomes WHERE consumer = $1 GROUP BY outcome ORDER BY 2 DESC, 1
            """;
        await foreach (var row in Query(connection, sums, stop, Consumer))
            byOutcome.Add((row.GetString(0), row.GetInt64(1)));
        var ledger = await Count(connection, "SELECT count(*) FROM rev_1.event_ledger", stop);
        var rows = await Count(connection, "SELECT count(*) FROM pipeline.events", stop);
        return new Balance(advanced, outcomes, difference, ledger, rows, next, byOutcome);
    }

    static async IAsyncEnumerable<NpgsqlDataReader> Query(
        NpgsqlConnection connection, string sql, [EnumeratorCancellation] CancellationToken stop, params string[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            yield return reader;
    }

    static async Task<long> Count(NpgsqlConnection connection, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    /// <summary>Npgsql reads no URIs; psql and our environment variables use them.</summary>
    static string ConnectionString(string text)
    {
        if (!text.StartsWith("postgres", StringComparison.Ordinal) || !Uri.TryCreate(text, UriKind.Absolute, out var uri))
            return text;
        var user = uri.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString).ToArray();
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.IsDefaultPort || uri.Port < 0 ? 5432 : uri.Port,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
            Username = user[0],
            Password = user.Length > 1 ? user[1] : null,
        }.ConnectionString;
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();
}
