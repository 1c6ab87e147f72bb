using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Rows of a <c>dead_letters</c> table. Repeated for the same coordinates it changes nothing.</summary>
static class DeadLetterStatement
{
    const string Sql = """
        INSERT INTO {0} (consumer, topic_id, partition, topic, tenant, "offset", stage, kind, reason, message, fingerprint, key, value,
            header_names, header_values, logged_at, failed_first, failed_last, attempts, algorithm, algorithm_version{1})
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, coalesce($17, now()), coalesce($18, now()), $19, $20, $21{2}
        ON CONFLICT DO NOTHING
        """;

    static readonly string OfRevision = Text("dead_letters", "", "");
    static readonly string OfControl = Text("control.dead_letters", "", "");

    /// <summary>One that came from RabbitMQ: published already, and not written where its place has a letter in the revision.</summary>
    static readonly string OfReceived = Text("control.dead_letters", ", published_at", """
        , now() WHERE NOT EXISTS (SELECT FROM pipeline.dead_letters WHERE (consumer, topic_id, partition, "offset") = ($1, $2, $3, $6))
        """);

    public static IEnumerable<NpgsqlBatchCommand> Insert(LogPlace log, IEnumerable<DeadLetter> letters, bool control = false) =>
        letters.Select(letter => Insert(log, letter, control ? OfControl : OfRevision));

    public static NpgsqlBatchCommand InsertReceived(LogPlace log, DeadLetter letter) => Insert(log, letter, OfReceived);

    static NpgsqlBatchCommand Insert(LogPlace log, DeadLetter letter, string sql)
    {
        var command = EventStatements.Command(sql, log.Consumer, log.TopicId, log.Partition, log.Topic,
            letter.Tenant, letter.Offset, letter.Stage, letter.Kind, letter.Fault.Code, Printable(letter.Message ?? letter.Fault.Detail), Printable(letter.Fingerprint));
        void Add(object? value, NpgsqlDbType type) => command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = type });
        Add(letter.Key, NpgsqlDbType.Bytea);
        Add(letter.Value, NpgsqlDbType.Bytea);
        Add(letter.Headers.Select(h => Printable(h.Key)).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);
        Add(letter.Headers.Select(h => h.Value).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bytea);
        Add(EventStatements.Time(letter.LoggedAtUs), NpgsqlDbType.TimestampTz);
        Add(letter.FailedFirst?.UtcDateTime, NpgsqlDbType.TimestampTz);
        Add(letter.FailedLast?.UtcDateTime, NpgsqlDbType.TimestampTz);
        Add(letter.Attempts, NpgsqlDbType.Integer);
        Add(letter.Algorithm, NpgsqlDbType.Text);
        Add(letter.AlgorithmVersion, NpgsqlDbType.Text);
        return command;
    }

    static string Text(string table, string columns, string values) => Sql.Replace("{0}", table, StringComparison.Ordinal)
        .Replace("{1}", columns, StringComparison.Ordinal).Replace("{2}", values, StringComparison.Ordinal);

    /// <summary>
    /// PostgreSQL's text holds no U+0000 and UTF-8 no half surrogate: a text with one is shown without it, so that no text can keep a letter from
    /// being written. Values of headers and records are bytes and kept as they are.
    /// </summary>
    static string Printable(string text) =>
        System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text.Replace("\0", "", StringComparison.Ordinal)));
}
