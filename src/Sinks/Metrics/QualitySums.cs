namespace Pipeline.Sinks.Metrics;

/// <summary>What is known of how events came, in one bucket of receipt or in all of them.</summary>
public sealed class QualitySums
{
    public long Received { get; set; }
    public long Late { get; set; }
    public long Skewed { get; set; }
    public long Outliers { get; set; }
    public long Duplicates { get; set; }
    public long Sessions { get; set; }
    public long SessionsWithPerformance { get; set; }
    public long ClientDropped { get; set; }

    /// <summary>µs.</summary>
    public LogLinearHistogram Deliveries { get; } = new();

    /// <summary>By reason, in byte order.</summary>
    public SortedDictionary<string, long> DeadLetters { get; } = new(StringComparer.Ordinal);

    /// <summary>Events that Ingest refused, likewise.</summary>
    public SortedDictionary<string, long> Rejected { get; } = new(StringComparer.Ordinal);

    /// <summary>Bodies that Ingest refused, by code.</summary>
    public SortedDictionary<string, long> RefusedBatches { get; } = new(StringComparer.Ordinal);

    public void Add(QualitySums other)
    {
        Received += other.Received;
        Late += other.Late;
        Skewed += other.Skewed;
        Outliers += other.Outliers;
        Duplicates += other.Duplicates;
        Sessions += other.Sessions;
        SessionsWithPerformance += other.SessionsWithPerformance;
        ClientDropped += other.ClientDropped;
        Deliveries.Add(other.Deliveries);
        foreach (var (mine, theirs) in ((SortedDictionary<string, long>, SortedDictionary<string, long>)[])
            [(DeadLetters, other.DeadLetters), (Rejected, other.Rejected), (RefusedBatches, other.RefusedBatches)])
            foreach (var (reason, n) in theirs)
                mine[reason] = mine.GetValueOrDefault(reason) + n;
    }
}
