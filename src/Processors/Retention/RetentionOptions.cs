using System.ComponentModel.DataAnnotations;

namespace Pipeline.Processors.Retention;

/// <summary>How long what is stored is kept. Aggregates, their totals, and dead letters stay whatever is set here. Section <c>Pipeline:Retention</c>.</summary>
public sealed class RetentionOptions
{
    public const string Section = "Pipeline:Retention";

    /// <summary>
    /// How long PostgreSQL keeps rows of events after the broker logged them, in every revision; they go by whole weeks, so up to a week later. Default none: for ever. What needs rows is
    /// then bounded by them: erasing a range of time, a replay of what the topic no longer holds, telling other content under a known id from a repeat.
    /// </summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "36500.00:00:00")]
    public TimeSpan? Rows { get; set; }

    /// <summary>
    /// How long ids are remembered, by which a repeated event is recognised. Default: the longest retention (<c>retention.ms</c>) of the events topics plus 7 days, and for ever where one
    /// has none. Less than that is refused at start.
    /// </summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "36500.00:00:00")]
    public TimeSpan? Ledger { get; set; }

    /// <summary>How long InfluxDB keeps points after their own time: set on the bucket, or on the database's default retention policy. Default none: as it is there. At least 1 h.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan? Points { get; set; }

    /// <summary>How often it is looked whether anything has become old. Default 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromHours(1);
}
