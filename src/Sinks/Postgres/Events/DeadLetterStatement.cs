using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Rows of a <c>dead_letters</c> table. Repeated for the same coordinates it changes nothing.</summary>
static class DeadLetterStatement
{
    const string Sql = """
        INSERT INTO {0} (consumer, topic_id, partition, topic, tenant, "offset", stage, kind, reason, message, fingerprint, key, value,
            header_names, header_values, logged_at, failed_first, failed_last)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, now(), now())
        ON CONFLICT DO NOTHING
        """;

    static readonly string OfRevision = Sql.Replace("{0}", "dead_letters", StringComparison.Ordinal);
    static readonly string OfControl = Sql.Replace("{0}", "control.dead_letters", StringComparison.Ordinal);

    public static IEnumerable<NpgsqlBatchCommand> Insert(LogPlace log, IEnumerable<DeadLetter> letters, bool control = false)
    {
        foreach (var letter in letters)
        {
            var command = EventStatements.Command(control ? OfControl : OfRevision, log.Consumer, log.TopicId, log.Partition, log.Topic,
                letter.Tenant, letter.Offset, letter.Stage, letter.Kind, letter.Fault.Code, Printable(letter.Message ?? letter.Fault.Detail), letter.Fingerprint);
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)letter.Key ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea });
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)letter.Value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea });
            command.Parameters.Add(new NpgsqlParameter { Value = letter.Headers.Select(h => Printable(h.Key)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
            command.Parameters.Add(new NpgsqlParameter { Value = letter.Headers.Select(h => h.Value).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
            command.Parameters.Add(new NpgsqlParameter { Value = EventStatements.Time(letter.LoggedAtUs) });
            yield return command;
        }
    }

    /// <summary>
    /// PostgreSQL's text holds no U+0000 and UTF-8 no half surrogate: a text with one is shown without it, so that no text can keep a letter from
    /// being written. Values of headers and records are bytes and kept as they are.
    /// </summary>
    static string Printable(string text) =>
        System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text.Replace("\0", "", StringComparison.Ordinal)));
}
