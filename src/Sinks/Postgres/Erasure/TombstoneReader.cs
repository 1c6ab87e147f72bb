using Npgsql;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>What a road must know of erasures that writes to another store than PostgreSQL and has no ledger of its own.</summary>
public sealed class TombstoneReader(NpgsqlDataSource database)
{
    public async Task RefreshAsync(Tombstones tombstones, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var version = new NpgsqlCommand(Tombstones.ReadVersion, connection);
        await tombstones.RefreshAsync(connection, (long)(await version.ExecuteScalarAsync(stop))!, stop);
    }

    /// <summary>
    /// Those of these ids whose events were erased: a resend of one is received after the tombstone, and only the ledger knows that it is none of a user who returned. Where retention
    /// dropped the row before the erasure, nobody knows whose the id was; then whatever was logged before this copy is taken for erased: was it not, then its point is there.
    /// </summary>
    public async Task<IReadOnlySet<Guid>> ErasedAsync(string tenant, IReadOnlyCollection<(Guid Id, DateTime LoggedAt)> copies, CancellationToken stop)
    {
        await using var command = database.CreateCommand("""
            SELECT l.event_id FROM unnest($2::uuid[], $3::timestamptz[]) AS copy (event_id, logged_at) JOIN pipeline.event_ledger l ON l.event_id = copy.event_id AND l.tenant = $1
            WHERE l.digest = '' OR l.logged_at < copy.logged_at AND l.logged_at < (SELECT rows_from FROM control.retention JOIN control.live USING (revision))
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = tenant });
        command.Parameters.Add(new NpgsqlParameter { Value = copies.Select(c => c.Id).ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = copies.Select(c => c.LoggedAt).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(stop);
        var erased = new HashSet<Guid>();
        while (await reader.ReadAsync(stop))
            erased.Add(reader.GetGuid(0));
        return erased;
    }
}
