using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Days;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>An erasure's part in the days that were added up. It holds the place of every log, so that nobody adds up meanwhile either.</summary>
static class ErasedDays
{
    /// <param name="buckets">What the erasure counted anew.</param>
    public static async Task DeleteAsync(NpgsqlConnection session, ErasureRequest request, ActivityBuckets buckets, CancellationToken stop)
    {
        (object, NpgsqlDbType)[] user = [(request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text)];
        var cut = new List<(string, string, string, DateTime)>();
        await using (var delete = StoredEvents.Command(session, "DELETE FROM activity_days WHERE tenant = $1 AND user_id = $2 AND day > $3 AND day < $4 RETURNING project_id, day",
            [.. user, (request.OccurredFrom.AddDays(-1), NpgsqlDbType.TimestampTz), (request.OccurredTo, NpgsqlDbType.TimestampTz)]))
        await using (var reader = await delete.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                cut.Add((request.Tenant, request.UserId, reader.GetString(0), reader.GetDateTime(1)));
        DateTime notedBefore;
        await using (var state = new NpgsqlCommand("SELECT noted_before FROM days_state", session))
            notedBefore = (DateTime)(await state.ExecuteScalarAsync(stop))!;
        // Of a whole user nothing stays in those days but what is counted anew, and no note that names the user.
        if (request is { From: null, To: null })
        {
            await using var notes = StoredEvents.Command(session, "DELETE FROM changed_days WHERE tenant = $1 AND user_id = $2", user);
            await notes.ExecuteNonQueryAsync(stop);
            cut.Clear();
        }
        foreach (var note in (NpgsqlBatchCommand?[])[ChangedDays.Note(cut), ChangedDays.Note(buckets, notedBefore)])
            if (note is not null)
            {
                await using var batch = new NpgsqlBatch(session) { BatchCommands = { note } };
                await batch.ExecuteNonQueryAsync(stop);
            }
    }
}
