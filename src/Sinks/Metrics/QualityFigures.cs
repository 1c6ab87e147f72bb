namespace Pipeline.Sinks.Metrics;

/// <summary>How events came, in one stretch of receipt. What is not known by project is null where one was asked for.</summary>
public record QualityFigures
{
    public required long Received { get; init; }
    public required double? LateShare { get; init; }
    public required long Skewed { get; init; }
    public required double? DeliveryP95Ms { get; init; }
    public required long Outliers { get; init; }
    public required long Duplicates { get; init; }
    public required IReadOnlyDictionary<string, long>? DeadLetters { get; init; }
    public required long Sessions { get; init; }
    public required long SessionsWithPerformance { get; init; }
    public required double? Coverage { get; init; }
    public required IReadOnlyDictionary<string, long>? Rejected { get; init; }
    public required IReadOnlyDictionary<string, long>? RefusedBatches { get; init; }
    public required long? ClientDropped { get; init; }

    /// <param name="ofTenant">Whether what is not known by project belongs to it.</param>
    public static QualityFigures Of(QualitySums sums, bool ofTenant) => new()
    {
        Received = sums.Received,
        LateShare = Share(sums.Late, sums.Received),
        Skewed = sums.Skewed,
        DeliveryP95Ms = sums.Deliveries.Percentile(0.95) / 1000,
        Outliers = sums.Outliers,
        Duplicates = sums.Duplicates,
        DeadLetters = ofTenant ? sums.DeadLetters : null,
        Sessions = sums.Sessions,
        SessionsWithPerformance = sums.SessionsWithPerformance,
        Coverage = Share(sums.SessionsWithPerformance, sums.Sessions),
        Rejected = ofTenant ? sums.Rejected : null,
        RefusedBatches = ofTenant ? sums.RefusedBatches : null,
        ClientDropped = ofTenant ? sums.ClientDropped : null,
    };

    static double? Share(long part, long whole) => whole == 0 ? null : part / (double)whole;
}
