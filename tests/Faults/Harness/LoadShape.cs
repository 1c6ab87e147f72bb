namespace Pipeline.Faults.Harness;

/// <summary>How much is sent while a fault holds.</summary>
sealed record LoadShape
{
    public double BatchesPerSecond { get; init; } = 10;
    public int BatchEvents { get; init; } = 25;
    public int DirectPerSecond { get; init; } = 300;
    /// <summary>Share of events without a field that is required.</summary>
    public double InvalidShare { get; init; } = 0.01;
    /// <summary>Share of batches that are sent again until they are accepted.</summary>
    public double ResendShare { get; init; } = 0.7;
    /// <summary>Share of batches, and of records published directly, that are sent twice at once whatever the answer.</summary>
    public double TwiceShare { get; init; } = 0.03;
    /// <summary>Share of events that tell the test processor to fail; events-postgres does not look at that.</summary>
    public double FailShare { get; init; }
    /// <summary>Whether it fails at every attempt, or once or twice.</summary>
    public bool FailsForGood { get; init; }
}
