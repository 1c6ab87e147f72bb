using Npgsql;
using NpgsqlTypes;
using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Retention;

/// <summary>
/// Ids of open dead letters, which stay in the ledger however old they are: a redrive brings the event back at any time. A letter of another road than events-postgres is of an
/// event that is stored, and one of a conflict is of an id that is.
/// </summary>
static class LetterIds
{
    const int RoundIds = 10_000;

    /// <summary>Puts them in the session's table kept_ids. A letter that came later than <paramref name="until"/> may name an id of before it, so that all are read.</summary>
    public static async Task KeepAsync(NpgsqlConnection session, string revision, DateTime until, CancellationToken stop)
    {
        await using (var make = new NpgsqlCommand("DROP TABLE IF EXISTS pg_temp.kept_ids; CREATE TEMPORARY TABLE kept_ids (event_id uuid, tenant text COLLATE \"C\", PRIMARY KEY (event_id, tenant))", session))
            await make.ExecuteNonQueryAsync(stop);
        foreach (var table in (string[])[$"{revision}.dead_letters", "control.dead_letters"])
        {
            (string Consumer, string TopicId, int Partition, long Offset)? after = null;
            do
                after = await KeepRoundAsync(session, table, revision, until, after, stop);
            while (after is not null);
        }
        await using var analyze = new NpgsqlCommand("ANALYZE pg_temp.kept_ids", session);
        await analyze.ExecuteNonQueryAsync(stop);
    }

    /// <returns>The last letter's place, null after the last round.</returns>
    static async Task<(string, string, int, long)?> KeepRoundAsync(NpgsqlConnection session, string table, string revision, DateTime until, (string Consumer, string TopicId, int Partition, long Offset)? after, CancellationToken stop)
    {
        var ids = new List<(Guid Id, string Tenant)>();
        (string, string, int, long)? last = null;
        var read = 0;
        await using (var letters = StoredEvents.Command(session, $"""
            SELECT consumer, topic_id, partition, "offset", tenant, reason, header_names, header_values, value FROM {table}
            WHERE closed_at IS NULL AND value IS NOT NULL AND (consumer, topic_id, partition, "offset") > ($1, $2, $3, $4)
            ORDER BY consumer, topic_id, partition, "offset" LIMIT {RoundIds}
            """, (after?.Consumer ?? "", NpgsqlDbType.Text), (after?.TopicId ?? "", NpgsqlDbType.Text), (after?.Partition ?? 0, NpgsqlDbType.Integer), (after?.Offset ?? 0, NpgsqlDbType.Bigint)))
        await using (var reader = await letters.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
            {
                read++;
                last = (reader.GetString(0), reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3));
                var header = Array.IndexOf(reader.GetFieldValue<string[]>(6), Topics.IngestHeaderName);
                var headerBytes = header < 0 ? null : reader.GetFieldValue<byte[]?[]>(7)[header];
                foreach (var id in Of(reader.GetString(5), reader.GetFieldValue<byte[]>(8), headerBytes, reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3)))
                    ids.Add((id, reader.GetString(4)));
            }
        await using var keep = StoredEvents.Command(session, $"""
            INSERT INTO pg_temp.kept_ids SELECT k.event_id, k.tenant FROM unnest($1::uuid[], $2::text[]) AS k (event_id, tenant)
            JOIN {revision}.event_ledger l USING (event_id, tenant) WHERE l.logged_at < $3 ON CONFLICT DO NOTHING
            """, (ids.Select(i => i.Id).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Uuid), (ids.Select(i => i.Tenant).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text), (until, NpgsqlDbType.TimestampTz));
        await keep.ExecuteNonQueryAsync(stop);
        return read < RoundIds ? null : last;
    }

    /// <summary>
    /// The ids that a letter's event may have: its own, else what its batch or its place in the log make of it, both, because only the topic's settings tell whether its header counted.
    /// </summary>
    internal static IEnumerable<Guid> Of(string reason, byte[] value, byte[]? header, string topicId, int partition, long offset)
    {
        if (LetterUser.IsNotToBeRead(reason))
            return [];
        ParsedEvent parsed = default;
        EventParser.Parse(value, ref parsed);
        // A letter is often one because something else of it was wrong: the id is read whatever the fault.
        if (parsed.EventIdToken.Kind == System.Text.Json.JsonTokenType.String)
            return OwnOf(parsed.EventIdToken, value) is { } own ? [own] : [];
        var byPlace = EventIdentity.FromLog(topicId, partition, offset);
        return header is not null && IngestHeader.TryParse(header, out var ingest) && ingest!.BatchId is { } batch
            ? [byPlace, EventIdentity.FromBatch(batch, ingest.Position, value.AsSpan(parsed.Start, Math.Max(0, parsed.Length)))] : [byPlace];
    }

    /// <summary>As events are read: escapes undone.</summary>
    static Guid? OwnOf(Token id, ReadOnlySpan<byte> value)
    {
        Span<byte> scratch = stackalloc byte[JsonStrings.DecodedKeyBytesMax];
        return JsonStrings.HasOnlyScalarEscapes(id.Raw(value)) && JsonStrings.TryDecodeKey(id, value, scratch, out var text) && Guid.TryParse(System.Text.Encoding.UTF8.GetString(text), out var own) ? own : null;
    }
}
