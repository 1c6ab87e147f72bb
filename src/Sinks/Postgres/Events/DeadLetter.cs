using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>A record that is not stored, with its cause and everything that is needed to send it again.</summary>
public sealed class DeadLetter
{
    public required long Offset { get; init; }
    public required string Tenant { get; init; }
    public required EventFault Fault { get; init; }
    public string Stage { get; init; } = "processing";
    public string Kind { get; init; } = "invalid";
    public byte[]? Key { get; init; }
    public byte[]? Value { get; init; }
    public required IReadOnlyList<KeyValuePair<string, byte[]?>> Headers { get; init; }
    public required long LoggedAtUs { get; init; }

    /// <summary>What the cause said, when it is more than the fault's own sentence.</summary>
    public string? Message { get; init; }

    /// <summary>Letters with one cause share it, so that an operator sees a thousand of a kind as one line.</summary>
    public string Fingerprint { get => field ?? (Fault.Field is null ? Fault.Code : $"{Fault.Code}:{Fault.Field}"); init; }

    /// <summary>Null: when it is written.</summary>
    public DateTimeOffset? FailedFirst { get; init; }

    /// <inheritdoc cref="FailedFirst"/>
    public DateTimeOffset? FailedLast { get; init; }

    /// <summary>A tombstone covers it: it is counted as dropped, and nothing of it is kept.</summary>
    public bool IsErased { get; set; }

    public int Attempts { get; init; } = 1;
    public string? Algorithm { get; init; }
    public string? AlgorithmVersion { get; init; }
}
