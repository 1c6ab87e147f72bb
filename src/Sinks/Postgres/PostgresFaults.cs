using System.Net.Sockets;
using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Another owner has the log, or the outcome of a commit is unknown: the batch is discarded and the log acquired again.</summary>
public sealed class FencedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The log is not the one that was stored up to now, or lacks records that were not stored. An operator decides.</summary>
public sealed class LogMismatchException(LogPlace log, string code, string message) : Exception(message)
{
    /// <summary>The partition that stops.</summary>
    public LogPlace Log { get; } = log;

    /// <summary><c>topic_changed</c>, <c>records_expired</c> or <c>offset_beyond_end</c>.</summary>
    public string Code { get; } = code;

    /// <summary>For <c>topic_changed</c>: the id of the open log that is stored.</summary>
    public string? StoredTopicId { get; init; }
}

/// <summary>What a failure of PostgreSQL means for the batch that met it.</summary>
public enum StoreFault
{
    /// <summary>The store is down, slow or in conflict with itself: the same batch works later.</summary>
    Transient,
    /// <summary>Another owner has the log.</summary>
    Fenced,
    /// <summary>A value in the batch can never be stored.</summary>
    Refused,
    /// <summary>A bug or a wrong set-up: going on would repeat it for ever.</summary>
    Fatal,
}

public static class PostgresFaults
{
    public const string FencedState = "PL001";

    public static StoreFault Classify(Exception exception) => exception switch
    {
        FencedException => StoreFault.Fenced,
        PostgresException { SqlState: FencedState } => StoreFault.Fenced,
        // 22: data exceptions, 54: limits such as an index row too large.
        PostgresException p when p.SqlState.StartsWith("22", StringComparison.Ordinal) || p.SqlState.StartsWith("54", StringComparison.Ordinal) => StoreFault.Refused,
        // 23: what events hold cannot violate a constraint of ours; a missing week of events (23514) is made when the log is acquired again.
        PostgresException p when p.SqlState == PostgresErrorCodes.CheckViolation => StoreFault.Transient,
        PostgresException p when p.SqlState.StartsWith("23", StringComparison.Ordinal) => StoreFault.Fatal,
        // 28, 3D: the server refuses us or has no such database, as it does while it is being set up; 42: our SQL does not fit the schema.
        PostgresException p when p.SqlState.StartsWith("42", StringComparison.Ordinal) => StoreFault.Fatal,
        NpgsqlException or IOException or SocketException or TimeoutException => StoreFault.Transient,
        _ => StoreFault.Fatal,
    };
}
