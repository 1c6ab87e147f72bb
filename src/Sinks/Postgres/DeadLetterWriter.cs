using Npgsql;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres;

/// <summary>Dead letters of the roads whose offsets live in Kafka: committed here before their offset moves.</summary>
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
}
