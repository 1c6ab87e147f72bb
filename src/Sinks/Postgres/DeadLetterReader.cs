using System.Globalization;
using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Reads the dead letters of every road. A list shows large letters in part, so that its answer stays bounded.</summary>
public sealed class DeadLetterReader(NpgsqlDataSource database)
{
    /// <summary>Bytes of value, key, headers and message, each, that a list shows.</summary>
    public const int ListedBytesMax = 2048;

    const string Whole = $"SELECT {DeadLetterRow.Columns} FROM pipeline.dead_letters";

    const string NewestFirst = """ORDER BY failed_first DESC, consumer DESC, topic_id DESC, partition DESC, "offset" DESC""";

    /// <summary>
    /// Cut by the server: a page of the largest records would be half a gigabyte on its way here. Cut when the page is chosen, because a whole batch
    /// that failed at one time has to be sorted for it. {0} is the page.
    /// </summary>
    static readonly string Cut = $$"""
        SELECT {{DeadLetterRow.Identity}}, left(message, {max}), {{DeadLetterRow.Rest}}, substr(key, 1, {max}), substr(value, 1, {max}),
            CASE WHEN h.bytes <= {max} THEN header_names ELSE '{}' END, CASE WHEN h.bytes <= {max} THEN header_values ELSE '{}' END,
            octet_length(value) > {max} OR octet_length(key) > {max} OR h.bytes > {max} OR length(message) > {max}
        FROM ({0}) d, LATERAL (SELECT octet_length(array_to_string(header_names, '')) + coalesce(sum(octet_length(v)), 0) AS bytes FROM unnest(header_values) v) h
        {{NewestFirst}}
        """.Replace("{max}", ListedBytesMax.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>The time leads, as text of equal length, so that the greatest array is the newest letter's.</summary>
    const string Newest = """
        max(ARRAY[to_char(failed_first AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') COLLATE "C", topic, topic_id, partition::text, "offset"::text])
        """;

    const string Grouped = $"""
        SELECT fingerprint, consumer, reason, kind, stage, count(*), count(DISTINCT tenant), min(failed_first), max(failed_last), {Newest} FROM pipeline.dead_letters
        """;

    /// <returns>The newest letters first, and where the list goes on; null at its end.</returns>
    public async Task<(IReadOnlyList<StoredDeadLetter> Letters, DeadLetterCursor? Next)> ListAsync(DeadLetterFilter filter, int limit, DeadLetterCursor? after, CancellationToken stop)
    {
        await using var command = database.CreateCommand();
        var where = new Conditions(command.Parameters);
        filter.AddTo(where);
        if (after is { FailedFirst: var time, Place: var place })
            where.And($"""(failed_first, consumer, topic_id, partition, "offset") < ({where.Bind(time)}, {where.Bind(place.Consumer)}, {where.Bind(place.TopicId)}, {where.Bind(place.Partition)}, {where.Bind(place.Offset)})""");
        // One more than asked for tells whether there is a next page.
        command.CommandText = Cut.Replace("{0}", $"SELECT * FROM pipeline.dead_letters{where} {NewestFirst} LIMIT {where.Bind(limit + 1)}", StringComparison.Ordinal);
        var letters = await ReadAsync(command, DeadLetterRow.Read, stop);
        if (letters.Count <= limit)
            return (letters, null);
        letters.RemoveAt(limit);
        return (letters, letters[^1].Cursor);
    }

    /// <returns>The letter with all its bytes, or null.</returns>
    public async Task<StoredDeadLetter?> FindAsync(DeadLetterPlace place, CancellationToken stop)
    {
        await using var command = database.CreateCommand();
        var where = new Conditions(command.Parameters);
        where.Compare("consumer =", place.Consumer);
        where.Compare("topic_id =", place.TopicId);
        where.Compare("partition =", place.Partition);
        where.Compare("\"offset\" =", place.Offset);
        command.CommandText = Whole + where;
        return (await ReadAsync(command, DeadLetterRow.Read, stop)).SingleOrDefault();
    }

    /// <returns>The largest groups first, and whether there are more.</returns>
    public async Task<(IReadOnlyList<DeadLetterGroup> Groups, bool More)> GroupAsync(DeadLetterFilter filter, int limit, CancellationToken stop)
    {
        await using var command = database.CreateCommand();
        var where = new Conditions(command.Parameters);
        filter.AddTo(where);
        command.CommandText = $"{Grouped}{where} GROUP BY fingerprint, consumer, reason, kind, stage ORDER BY count(*) DESC, max(failed_last) DESC, 1, 2, 3, 4, 5 LIMIT {where.Bind(limit + 1)}";
        var groups = await ReadAsync(command, Group, stop);
        return (groups.Count > limit ? groups[..limit] : groups, groups.Count > limit);
    }

    static async Task<List<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken stop)
    {
        await using var reader = await command.ExecuteReaderAsync(stop);
        var rows = new List<T>();
        while (await reader.ReadAsync(stop))
            rows.Add(read(reader));
        return rows;
    }

    static DeadLetterGroup Group(NpgsqlDataReader row)
    {
        var newest = row.GetFieldValue<string[]>(9);
        return new DeadLetterGroup(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetInt64(5), row.GetInt64(6), row.GetDateTime(7), row.GetDateTime(8),
            new DeadLetterExample(row.GetString(1), newest[1], newest[2], int.Parse(newest[3], CultureInfo.InvariantCulture), long.Parse(newest[4], CultureInfo.InvariantCulture)));
    }
}
