using Npgsql;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres;

/// <summary>Dead letters of every road but events-postgres: of those whose offsets live in Kafka before their offset moves, and of those that RabbitMQ holds.</summary>
public sealed class DeadLetterWriter(NpgsqlDataSource database)
{
    /// <summary>Stores the letters; those whose coordinates are there already are left as they are.</summary>
    public async Task WriteAsync(LogPlace log, IReadOnlyCollection<DeadLetter> letters, CancellationToken stop)
    {
        if (letters.Count == 0)
            return;
        await using var batch = database.CreateBatch();
        foreach (var command in DeadLetterStatement.Insert(log, letters, control: true))
            batch.BatchCommands.Add(command);
        await batch.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Stores a letter that came from RabbitMQ, as published.</summary>
    /// <returns>False when a letter of these coordinates is there already, in whichever table.</returns>
    public async Task<bool> WriteReceivedAsync(LogPlace log, DeadLetter letter, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(DeadLetterStatement.InsertReceived(log, letter));
        return await batch.ExecuteNonQueryAsync(stop) > 0;
    }
}
