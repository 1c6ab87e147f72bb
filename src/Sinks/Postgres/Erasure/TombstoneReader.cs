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

    /// <summary>Those of these ids whose events were erased: a resend of one is received after the tombstone, and only the ledger knows that it is none of a user who returned.</summary>
    public async Task<IReadOnlySet<Guid>> ErasedAsync(string tenant, IReadOnlyCollection<Guid> ids, CancellationToken stop)
    {
        await using var command = database.CreateCommand("SELECT event_id FROM pipeline.event_ledger WHERE tenant = $1 AND event_id = ANY ($2) AND digest = ''");
        command.Parameters.Add(new NpgsqlParameter { Value = tenant });
        command.Parameters.Add(new NpgsqlParameter { Value = ids.ToArray() });
        await using var reader = await command.ExecuteReaderAsync(stop);
        var erased = new HashSet<Guid>();
        while (await reader.ReadAsync(stop))
            erased.Add(reader.GetGuid(0));
        return erased;
    }
}
