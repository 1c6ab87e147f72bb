using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Brings the database to this version's schema: numbered SQL files, each applied once per schema, in one transaction under an
/// advisory lock, so that any number of hosts may start at once.
/// </summary>
public sealed partial class Migrations(NpgsqlDataSource database)
{
    const long AdvisoryLock = 0x50_69_70_65_6C_69_6E_65;
    const string FirstRevision = "rev_1";

    /// <summary>The command <c>--migrate</c> of both hosts.</summary>
    public static async Task<int> RunAsync(NpgsqlDataSource database)
    {
        var applied = await new Migrations(database).ApplyAsync(CancellationToken.None);
        Console.WriteLine(applied.Count == 0 ? "schema: up to date" : $"schema: applied {string.Join(", ", applied)}");
        return 0;
    }

    /// <returns>Names of the files that were applied, empty when the schema was up to date.</returns>
    /// <exception cref="InvalidOperationException">A file that was applied has changed since, or the database is newer than this program.</exception>
    public async Task<IReadOnlyList<string>> ApplyAsync(CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        await RunAsync(connection, $"SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock({AdvisoryLock})", stop);
        await RunAsync(connection, """
            CREATE SCHEMA IF NOT EXISTS control;
            CREATE TABLE IF NOT EXISTS control.migrations (
                schema text NOT NULL, version int NOT NULL, name text NOT NULL, sha256 text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (schema, version))
            """, stop);
        var applied = new List<string>();
        await ApplyFilesAsync(connection, "control", "Control", applied, stop);
        await RunAsync(connection, $"INSERT INTO control.live (revision) VALUES ('{FirstRevision}') ON CONFLICT DO NOTHING", stop);
        var live = await ScalarAsync<string>(connection, "SELECT revision FROM control.live", stop);
        foreach (var revision in await RevisionsAsync(connection, live!, stop))
        {
            await RunAsync(connection, $"CREATE SCHEMA IF NOT EXISTS {revision}", stop);
            await ApplyFilesAsync(connection, revision, "Revision", applied, stop);
        }
        await ReplaceViewsAsync(connection, live!, applied, stop);
        await transaction.CommitAsync(stop);
        return applied;
    }

    static async Task<List<string>> RevisionsAsync(NpgsqlConnection connection, string live, CancellationToken stop)
    {
        var revisions = new List<string> { live };
        await using var command = new NpgsqlCommand(@"SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^rev_\d+$' ORDER BY 1", connection);
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            if (reader.GetString(0) != live)
                revisions.Add(reader.GetString(0));
        return revisions;
    }

    static async Task ApplyFilesAsync(NpgsqlConnection connection, string schema, string folder, List<string> applied, CancellationToken stop)
    {
        var known = await KnownAsync(connection, schema, stop);
        foreach (var (version, name, sql) in Files(folder))
        {
            if (known.Remove(version, out var sha256))
            {
                if (sha256 != Sha256(sql))
                    throw new InvalidOperationException($"Migration {name} was changed after it was applied to schema {schema}; make a new one instead.");
                continue;
            }
            await RunAsync(connection, $"SET LOCAL search_path = {schema}, pg_catalog", stop);
            await RunAsync(connection, sql, stop);
            await RecordAsync(connection, schema, version, name, Sha256(sql), stop);
            applied.Add($"{schema}/{name}");
        }
        if (known.Count > 0)
            throw new InvalidOperationException($"Schema {schema} has migration {known.Keys.Max()}, which this version does not know: the database is newer than the program.");
    }

    /// <summary>Views depend on tables of one revision and hold nothing, so they are dropped and made again whenever either changes.</summary>
    static async Task ReplaceViewsAsync(NpgsqlConnection connection, string live, List<string> applied, CancellationToken stop)
    {
        var sql = Read("Pipeline.Sinks.Postgres.Schema.Views.sql").Replace("{revision}", live, StringComparison.Ordinal);
        var known = await KnownAsync(connection, "pipeline", stop);
        if (applied.Count == 0 && known.TryGetValue(0, out var sha256) && sha256 == Sha256(sql))
            return;
        // Only our views, one by one: rights on the schema stay, and a view that somebody built on ours is named by the error, not dropped.
        var names = ViewName().Matches(sql).Select(m => m.Groups[1].Value).Reverse();
        await RunAsync(connection, $"CREATE SCHEMA IF NOT EXISTS pipeline; SET LOCAL search_path = pipeline, pg_catalog; DROP VIEW IF EXISTS {string.Join(", ", names)}", stop);
        await RunAsync(connection, sql, stop);
        await RunAsync(connection, "DELETE FROM control.migrations WHERE schema = 'pipeline'", stop);
        await RecordAsync(connection, "pipeline", 0, "Views.sql", Sha256(sql), stop);
        applied.Add("pipeline/Views.sql");
    }

    static async Task<Dictionary<int, string>> KnownAsync(NpgsqlConnection connection, string schema, CancellationToken stop)
    {
        var known = new Dictionary<int, string>();
        await using var command = new NpgsqlCommand("SELECT version, sha256 FROM control.migrations WHERE schema = $1", connection)
        { Parameters = { new() { Value = schema } } };
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            known.Add(reader.GetInt32(0), reader.GetString(1));
        return known;
    }

    static async Task RecordAsync(NpgsqlConnection connection, string schema, int version, string name, string sha256, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("INSERT INTO control.migrations (schema, version, name, sha256) VALUES ($1, $2, $3, $4)", connection)
        { Parameters = { new() { Value = schema }, new() { Value = version }, new() { Value = name }, new() { Value = sha256 } } };
        await command.ExecuteNonQueryAsync(stop);
    }

    static IEnumerable<(int Version, string Name, string Sql)> Files(string folder)
    {
        var prefix = $"Pipeline.Sinks.Postgres.Schema.{folder}.";
        foreach (var resource in typeof(Migrations).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var name = resource[prefix.Length..];
            yield return (int.Parse(name.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture), name, Read(resource));
        }
    }

    [GeneratedRegex(@"^CREATE VIEW (\w+)", RegexOptions.Multiline)]
    private static partial Regex ViewName();

    static string Read(string resource)
    {
        using var reader = new StreamReader(typeof(Migrations).Assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }

    static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(stop);
    }

    static async Task<T?> ScalarAsync<T>(NpgsqlConnection connection, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T?)await command.ExecuteScalarAsync(stop);
    }
}
