using System.Globalization;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>Names of exchanges and queues. The delay is part of a retry queue's name, so that another delay is another queue.</summary>
sealed class RabbitMqNames(string prefix)
{
    /// <summary>Direct, keyed by road: where a retry comes back to.</summary>
    public string Work { get; } = prefix + "pipeline.work";

    /// <summary>Exchange (topic, keyed by consumer) and queue of the same name.</summary>
    public string DeadLetters { get; } = prefix + "dead-letters";

    /// <summary>Direct, keyed by queue: records that take long and wait for their first attempt.</summary>
    public string Jobs { get; } = prefix + "pipeline.jobs";

    public string JobQueue(string queue) => $"{Jobs}.{queue}";

    public string WorkQueue(string road) => $"{Work}.{road}";

    /// <summary>For records that are tried one at a time, because a process ended while it held them.</summary>
    public string AloneQueue(string road) => $"{Work}.{AloneKey(road)}";

    public static string AloneKey(string road) => road + ".alone";

    /// <summary>Exchange (fanout, so that the routing key stays the road's) and queue of the same name.</summary>
    public string Retry(TimeSpan delay) => string.Create(CultureInfo.InvariantCulture, $"{prefix}pipeline.retry.{(long)delay.TotalMilliseconds}");
}
