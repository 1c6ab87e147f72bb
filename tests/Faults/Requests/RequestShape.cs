namespace Pipeline.Faults.Requests;

/// <summary>How many requests are sent while a fault holds, and of what kinds.</summary>
sealed record RequestShape
{
    public double HttpPerSecond { get; init; } = 15;
    public double DirectPerSecond { get; init; } = 30;
    /// <summary>Medians of a hundred values: long ones where <c>LongFrom</c> lies between them and sums.</summary>
    public double MedianShare { get; init; } = 0.2;
    /// <summary>Sums that a worker of Python makes slowly.</summary>
    public double PythonShare { get; init; }
    /// <summary>Requests that no engine can execute.</summary>
    public double InvalidShare { get; init; } = 0.06;
    /// <summary>Requests that are none: Ingest refuses them, the topic takes them.</summary>
    public double UnreadableShare { get; init; } = 0.03;
    /// <summary>Other requests under the id of one that was accepted.</summary>
    public double ConflictShare { get; init; } = 0.04;
    /// <summary>Share that is sent twice at once whatever the answer.</summary>
    public double TwiceShare { get; init; } = 0.06;
    /// <summary>Share by HTTP that is sent again until it has its final answer.</summary>
    public double ResendShare { get; init; } = 0.8;
    /// <summary>Share by HTTP that is cancelled after it was accepted.</summary>
    public double CancelShare { get; init; } = 0.06;
    /// <summary>Whether the hosts give up what nobody read within the test's time (<c>UnreadAfter</c>), so that rows without a record end too.</summary>
    public bool UnreadEnds { get; init; }
}
