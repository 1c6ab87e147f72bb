using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <param name="Bucket">Begin of the 15 minutes.</param>
/// <param name="Kind">One of the constants below.</param>
/// <param name="Reason">A code from a closed list, or "".</param>
public readonly record struct IngestCount(string Tenant, DateTime Bucket, string Kind, string Reason)
{
    public const string Rejected = "rejected", Refused = "refused", ClientDropped = "client_dropped";
}

/// <summary>Adds up what Ingest counted of what never became an event.</summary>
public sealed class IngestCountWriter(NpgsqlDataSource database)
{
    /// <summary>In one statement: all of it is added or nothing. Rows are locked in the order of their key, because every host adds to the same ones.</summary>
    public async Task AddAsync(IReadOnlyCollection<KeyValuePair<IngestCount, long>> counts, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            INSERT INTO control.ingest_counts (tenant, bucket, kind, reason, n)
            SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[]) AS c (tenant, bucket, kind, reason, n) ORDER BY tenant COLLATE "C", bucket, kind COLLATE "C", reason COLLATE "C"
            ON CONFLICT (tenant, bucket, kind, reason) DO UPDATE SET n = ingest_counts.n + excluded.n
            """);
        command.Parameters.AddWithValue(counts.Select(c => c.Key.Tenant).ToArray());
        command.Parameters.AddWithValue(counts.Select(c => c.Key.Bucket).ToArray());
        command.Parameters.AddWithValue(counts.Select(c => c.Key.Kind).ToArray());
        command.Parameters.AddWithValue(counts.Select(c => c.Key.Reason).ToArray());
        command.Parameters.AddWithValue(counts.Select(c => c.Value).ToArray());
        await command.ExecuteNonQueryAsync(stop);
    }
}
