using Npgsql;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres;

/// <summary>
/// Dead letters of every road but events-postgres: of those whose offsets live in Kafka before their offset moves, and of those that RabbitMQ holds. What a tombstone covers is not
/// written: the tombstones' version is held while letters are, so that an erasure that begins meanwhile finds them.
/// </summary>
public sealed class DeadLetterWriter(NpgsqlDataSource database) : IDisposable
{
    readonly Tombstones _tombstones = new();
    readonly SemaphoreSlim _turn = new(1);

    /// <summary>Stores the letters; those whose coordinates are there already are left as they are.</summary>
    public Task WriteAsync(LogPlace log, IReadOnlyCollection<DeadLetter> letters, CancellationToken stop) =>
        letters.Count == 0 ? Task.CompletedTask : WriteAsync(letters, left => DeadLetterStatement.Insert(log, left, control: true), stop);

    /// <summary>Stores a letter that came from RabbitMQ, as published.</summary>
    /// <returns>False when a letter of these coordinates is there already, in whichever table, or its user was erased.</returns>
    public async Task<bool> WriteReceivedAsync(LogPlace log, DeadLetter letter, CancellationToken stop) =>
        await WriteAsync([letter], left => left.Select(l => DeadLetterStatement.InsertReceived(log, l)), stop) > 0;

    async Task<int> WriteAsync(IReadOnlyCollection<DeadLetter> letters, Func<List<DeadLetter>, IEnumerable<NpgsqlBatchCommand>> insert, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        await using var version = new NpgsqlCommand(Tombstones.ReadVersion + " FOR SHARE", connection);
        var left = await WithoutErasedAsync(connection, (long)(await version.ExecuteScalarAsync(stop))!, letters, stop);
        if (left.Count == 0)
            return 0;
        await using var batch = new NpgsqlBatch(connection);
        foreach (var command in insert(left))
            batch.BatchCommands.Add(command);
        var written = await batch.ExecuteNonQueryAsync(stop);
        await transaction.CommitAsync(stop);
        return written;
    }

    async Task<List<DeadLetter>> WithoutErasedAsync(NpgsqlConnection connection, long version, IReadOnlyCollection<DeadLetter> letters, CancellationToken stop)
    {
        // Letters are rare, and what is known of tombstones is one for all who write them.
        await _turn.WaitAsync(stop);
        try
        {
            await _tombstones.RefreshAsync(connection, version, stop);
            return [.. letters.Where(l => !_tombstones.Covers(l))];
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
