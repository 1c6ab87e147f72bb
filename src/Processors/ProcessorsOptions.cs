using System.ComponentModel.DataAnnotations;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors;

public static class Roles
{
    public const string EventsPostgres = "events-postgres";
    public const string EventsInflux = "events-influx";

    /// <summary>Publishes the dead letters of every road to RabbitMQ, and stores those that come from there.</summary>
    public const string Failures = "failures";

    /// <summary>Executes analyses for whoever calls it, by HTTP and gRPC.</summary>
    public const string Engine = "engine";

    /// <summary>The same, and the requests of the topic, with RabbitMQ for retries and long ones.</summary>
    public const string Analysis = "analysis";

    /// <summary>Stores the results of the topic's requests.</summary>
    public const string ResultsPostgres = "results-postgres";

    /// <summary>Submits analyses when they are due, and writes what came of them to InfluxDB.</summary>
    public const string Schedules = "schedules";

    public static readonly string[] All = [EventsPostgres, EventsInflux, Failures, Engine, Analysis, ResultsPostgres, Schedules];

    /// <summary>Analyses run where they are asked for: they take an interpreter and memory.</summary>
    public static readonly string[] Default = [EventsPostgres, EventsInflux, Failures];
}

/// <summary>What a processor runs, and its bounds. Section <c>Pipeline:Processors</c>.</summary>
public sealed class ProcessorsOptions : IValidatableObject
{
    public const string Section = "Pipeline:Processors";

    /// <summary>Comma-separated roles of this process. Default: events-postgres,events-influx,failures. The others are engine, analysis, results-postgres and schedules.</summary>
    public string Roles { get; set; } = string.Join(',', Processors.Roles.Default);

    /// <summary>Events of one batch, that is of one transaction. Default 5,000.</summary>
    [Range(1, 50_000)]
    public int BatchEventsMax { get; set; } = 5000;

    /// <summary>Bytes of one batch's records, counted likewise. Default 8 MiB.</summary>
    [Range(1024, 64 * 1024 * 1024)]
    public int BatchBytesMax { get; set; } = 8 * 1024 * 1024;

    /// <summary>How long a batch that is not full waits for more; the broker, asked for records, waits as long before (50 ms at most). Default 50 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan BatchLinger { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Records a partition holds in memory before it is paused. Default 6,000.</summary>
    [Range(1, 1_000_000)]
    public int QueueRecordsMax { get; set; } = 6000;

    /// <summary>Bytes a partition holds in memory before it is paused, 700 a record counted on top of its value. Default 4 MiB.</summary>
    [Range(1024, 256 * 1024 * 1024)]
    public int QueueBytesMax { get; set; } = 4 * 1024 * 1024;

    /// <summary>Batches that one road works on at a time, whatever the number of its partitions. Role analysis has a number of its own (Pipeline:Analysis). Default 3.</summary>
    [Range(1, 64)]
    public int ConcurrentBatchesMax { get; set; } = 3;

    /// <summary>How long reading and computing a batch may take, waits for stores excluded, before the process ends. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ProcessingDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Records a minute that may become dead letters because a processor threw; with one more the process stops. Default 100.</summary>
    [Range(1, 1_000_000)]
    public int FaultyRecordsMax { get; set; } = 100;

    /// <summary>How often days that are over, or were changed since, are added up; a tenth of the time is spent on it at most. Default 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan DaysInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a processor that was told to stop goes on consuming while <c>/health/ready</c> says no. Default 0: work comes from Kafka, no load balancer sends it.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan StopDelay { get; set; }

    /// <summary>How long a stop then waits for batches that are being written. Default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan StopBudget { get; set; } = TimeSpan.FromSeconds(15);

    public StopTimes StopTimes => new(StopDelay, StopBudget);

    public IReadOnlySet<string> RoleSet => Roles.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToHashSet(StringComparer.Ordinal);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var role in RoleSet.Except(Processors.Roles.All))
            yield return new ValidationResult($"Role {role} is unknown; known are {string.Join(", ", Processors.Roles.All)}.", [nameof(Roles)]);
        if (RoleSet.Count == 0)
            yield return new ValidationResult("At least one role is needed.", [nameof(Roles)]);
    }
}
