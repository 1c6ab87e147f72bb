using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>Deletes a user's dead letters: by the event's user where it can be read, by the record's key, or by the user's id as a JSON text in bytes that cannot be read.</summary>
static class DeadLetterErasure
{
    /// <param name="table">Of letters.</param>
    public static async Task<long> DeleteAsync(NpgsqlConnection session, string table, ErasureRequest request, CancellationToken stop)
    {
        var places = new List<(string Consumer, string TopicId, int Partition, long Offset)>();
        var user = Encoding.UTF8.GetBytes(request.UserId);
        await using (var letters = StoredEvents.Command(session, $"SELECT consumer, topic_id, partition, \"offset\", key, value, reason FROM {table} WHERE tenant = $1 AND logged_at <= $2",
            (request.Tenant, NpgsqlDbType.Text), (request.ReceivedUntil, NpgsqlDbType.TimestampTz)))
        await using (var reader = await letters.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                if (IsOf(request, user, reader.GetString(6), reader.IsDBNull(4) ? null : reader.GetFieldValue<byte[]>(4), reader.IsDBNull(5) ? null : reader.GetFieldValue<byte[]>(5)))
                    places.Add((reader.GetString(0), reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3)));
        if (places.Count == 0)
            return 0;
        await using var delete = StoredEvents.Command(session, $"""
            DELETE FROM {table} WHERE (consumer, topic_id, partition, "offset") IN (SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]))
            """, (places.Select(p => p.Consumer).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text), (places.Select(p => p.TopicId).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text),
            (places.Select(p => p.Partition).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Integer), (places.Select(p => p.Offset).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint));
        return await delete.ExecuteNonQueryAsync(stop);
    }

    static bool IsOf(ErasureRequest request, byte[] user, string reason, byte[]? key, byte[]? value)
    {
        var whole = request is { From: null, To: null };
        var letter = LetterUser.Of(reason, key, value);
        if (letter.UserId == request.UserId)
            return whole || (letter.TimestampUs is { } us && DateTime.UnixEpoch.AddTicks(us * 10) is var at && at >= request.OccurredFrom && at < request.OccurredTo);
        // Bytes that cannot be read as an event go only with all of the user's events.
        return whole && (letter.UserId is null || letter.TimestampUs is null) && value is not null && value.AsSpan().IndexOf((byte[])[(byte)'"', .. user, (byte)'"']) >= 0;
    }
}
