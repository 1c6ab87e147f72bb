namespace Pipeline.Sinks.Postgres;

/// <summary>What figures are split by, besides time.</summary>
public enum MetricsSplit { None, User, Project, Tool, AnnotationType }

/// <summary>Which figures are asked for: of a user, of a project, or of a user in a project.</summary>
/// <param name="UserId">Null for all users of the project.</param>
/// <param name="ProjectId">Null for all projects of the user.</param>
public sealed record MetricsQuery(string Tenant, string? UserId, string? ProjectId)
{
    public const int GapSecondsDefault = 100, GapSecondsMin = 30, GapSecondsMax = 600;

    /// <summary>Two neighbouring events belong to one session if they are at most this far apart.</summary>
    public const int SessionGapSeconds = 1800;

    /// <summary>No event is older (it would be invalid), and none is younger.</summary>
    public static readonly DateTime Beginning = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc), End = new(9999, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>UTC instants at which buckets begin, multiples of 15 minutes, ascending; the last one ends the last bucket.</summary>
    public IReadOnlyList<DateTime> Edges { get; init; } = [Beginning, End];

    public string? Tool { get; init; }

    public string? AnnotationType { get; init; }

    public int GapSeconds { get; init; } = GapSecondsDefault;

    public MetricsSplit Split { get; init; }

    /// <summary>Only these of the users, null for all; where no single one is asked for.</summary>
    public IReadOnlyList<string>? Users { get; init; }

    /// <summary>Slots know no tool and no type.</summary>
    public bool HasTime => Tool is null && AnnotationType is null && Split is not (MetricsSplit.Tool or MetricsSplit.AnnotationType);
}
