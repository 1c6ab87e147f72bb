using Npgsql;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A database of one test: made before it, dropped after it whoever is still connected.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    readonly NpgsqlDataSource _source;
    readonly string _name, _server;

    TestDatabase(string name, string server)
    {
        (_name, _server) = (name, server);
        _source = NpgsqlDataSource.Create(TestServers.PostgresSettings(name, server));
        var given = new Uri(server);
        Uri = $"{given.Scheme}://{given.UserInfo}@{given.Authority}/{name}{given.Query}";
    }

    /// <summary>As the hosts are told.</summary>
    public string Uri { get; }

    /// <param name="server">Another server than the run's, with a database that exists.</param>
    /// <param name="options">What follows the name in CREATE DATABASE.</param>
    public static async Task<TestDatabase> CreateAsync(string name, string? server = null, string options = "")
    {
        server ??= TestServers.Postgres;
        await AdministerAsync(server, $"CREATE DATABASE {name} {options}");
        return new TestDatabase(name, server);
    }

    public async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
    {
        await using var command = _source.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(read(reader));
        return rows;
    }

    public async Task<T> ValueAsync<T>(string sql, params object[] values) => (await RowsAsync(sql, r => r.GetFieldValue<T>(0), values)).Single();

    public Task<bool> HasSchemaAsync() => ValueAsync<bool>("SELECT to_regclass('pipeline.conservation') IS NOT NULL");

    /// <summary>Where each partition's open log is stored up to.</summary>
    public async Task<Dictionary<int, long>> NextOffsetsAsync() => !await HasSchemaAsync() ? [] :
        (await RowsAsync("SELECT partition, next_offset FROM rev_1.offsets WHERE closed_at IS NULL", r => (r.GetInt32(0), r.GetInt64(1)))).ToDictionary(p => p.Item1, p => p.Item2);

    /// <summary>How many offsets became what, over all logs; an outcome that never was is 0.</summary>
    public async Task<Outcomes> OutcomesAsync()
    {
        var n = (await RowsAsync("SELECT outcome, sum(n)::bigint FROM rev_1.outcomes GROUP BY 1", r => (r.GetString(0), r.GetInt64(1)))).ToDictionary(o => o.Item1, o => o.Item2);
        long Of(string outcome) => n.GetValueOrDefault(outcome);
        return new Outcomes(Of("stored"), Of("duplicate"), Of("dead_lettered"), Of("absent"), Of("expired"));
    }

    /// <summary>Ends every session of the processors, as a failing server or network would.</summary>
    /// <returns>How many there were.</returns>
    public async Task<long> CutSessionsAsync() => await ValueAsync<long>(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'pipeline-tests'");

    /// <summary>Takes a table away from everybody until the answer is disposed.</summary>
    public async Task<IAsyncDisposable> LockAsync(string table)
    {
        var connection = await _source.OpenConnectionAsync();
        await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await AdministerAsync(_server, $"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
    }

    static async Task AdministerAsync(string server, string sql)
    {
        var settings = TestServers.PostgresSettings(new Uri(server).AbsolutePath.TrimStart('/'), server);
        settings.Pooling = false;
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 60 };
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>What became of the offsets passed.</summary>
public sealed record Outcomes(long Stored = 0, long Duplicate = 0, long DeadLettered = 0, long Absent = 0, long Expired = 0);
