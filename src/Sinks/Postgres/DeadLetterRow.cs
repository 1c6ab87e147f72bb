using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres;

/// <summary>A dead letter as a row, wherever it is read.</summary>
static class DeadLetterRow
{
    public const string Identity = """consumer, topic, topic_id, partition, "offset", tenant, stage, kind, reason""";
    public const string Rest = "fingerprint, attempts, algorithm, algorithm_version, logged_at, failed_first, failed_last, published_at, closed_at, octet_length(value)";

    /// <summary>What <see cref="Read"/> reads; who shows letters in part puts other expressions in these places.</summary>
    public const string Columns = $"{Identity}, message, {Rest}, key, value, header_names, header_values, false";

    public static StoredDeadLetter Read(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt32(3), row.GetInt64(4), row.GetString(5), row.GetString(6), row.GetString(7), row.GetString(8),
        row.GetString(9), row.GetString(10), row.GetInt32(11), Get<string>(row, 12), Get<string>(row, 13), row.GetDateTime(14), row.GetDateTime(15), row.GetDateTime(16),
        Get<DateTime?>(row, 17), Get<DateTime?>(row, 18), Key: Get<byte[]>(row, 20), Headers: [.. row.GetFieldValue<string[]>(22).Zip(row.GetFieldValue<byte[]?[]>(23), (n, v) => new DeadLetterHeader(n, v))],
        Value: Get<byte[]>(row, 21), ValueBytes: Get<int?>(row, 19), Truncated: !row.IsDBNull(24) && row.GetBoolean(24));

    /// <summary>As it was before it was stored.</summary>
    public static DeadLetter ToLetter(StoredDeadLetter stored) => new()
    {
        Tenant = stored.Tenant,
        Offset = stored.Offset,
        Stage = stored.Stage,
        Kind = stored.Kind,
        Fault = new EventFault(EventFault.ReasonOf(stored.Reason)),
        Message = stored.Message,
        Fingerprint = stored.Fingerprint,
        Key = stored.Key,
        Value = stored.Value,
        Headers = [.. stored.Headers.Select(h => new KeyValuePair<string, byte[]?>(h.Name, h.Value))],
        LoggedAtUs = (stored.LoggedAt - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
        FailedFirst = stored.FailedFirst,
        FailedLast = stored.FailedLast,
        Attempts = stored.Attempts,
        Algorithm = stored.Algorithm,
        AlgorithmVersion = stored.AlgorithmVersion,
    };

    static T? Get<T>(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? default : row.GetFieldValue<T>(column);
}
