using System.ComponentModel.DataAnnotations;

namespace Pipeline.Processors.Failures.RabbitMq;

/// <summary>Where RabbitMQ is, and how failures climb its ladder. Section <c>Pipeline:RabbitMq</c>.</summary>
public sealed class RabbitMqOptions : IValidatableObject
{
    public const string Section = "Pipeline:RabbitMq";

    /// <summary><c>amqp://user:password@host:port/vhost</c>, or <c>amqps</c>; an absent vhost is <c>/</c>. Required where role failures or a retrying road runs.</summary>
    [Required]
    public string Uri { get; set; } = "";

    /// <summary>Stands before every exchange's and queue's name, so that several pipelines can share a virtual host. Default none.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>How long a record waits after its first, second, … failed attempt. Each is a queue of its own. Default 1 s, 10 s, 1 min, 10 min.</summary>
    public List<TimeSpan> RetryDelays { get; set; } = [];

    /// <summary>Attempts of a record, the first one included, before it is a dead letter. Default 5; the last delay repeats where delays are fewer.</summary>
    [Range(1, 100)]
    public int AttemptsMax { get; set; } = 5;

    /// <summary>Within this time a publish is confirmed, or it failed and the connection is made anew. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan PublishTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Deliveries that may end without an answer, as when the process dies, before the message is a dead letter. An argument of the queue: another value needs another queue. Default 5.</summary>
    [Range(1, 1000)]
    public int DeliveryLimit { get; set; } = 5;

    /// <summary>Messages of one queue that a process holds, and works on, at a time. Default 16.</summary>
    [Range(1, 1000)]
    public int Prefetch { get; set; } = 16;

    /// <summary>How often the outbox looks for dead letters to publish. Default 500 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:01:00")]
    public TimeSpan OutboxInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The configured delays, or the default ones: a default in the list itself would be kept in front of what is configured.</summary>
    public IReadOnlyList<TimeSpan> Delays => RetryDelays.Count > 0 ? RetryDelays : DefaultDelays;

    static readonly TimeSpan[] DefaultDelays = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10)];
    static readonly TimeSpan DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromDays(7);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Uri.Length > 0 && !(System.Uri.TryCreate(Uri, UriKind.Absolute, out var uri) && uri.Scheme is "amqp" or "amqps" && uri.Host.Length > 0))
            yield return new ValidationResult("Uri must look like amqp://user:password@host:port/vhost.", [nameof(Uri)]);
        if (Delays.Any(d => d < DelayMin || d > DelayMax))
            yield return new ValidationResult("Each delay must lie between 1 ms and 7 days.", [nameof(RetryDelays)]);
        if (Prefix.Length > 64 || !Prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
            yield return new ValidationResult("Prefix may hold up to 64 letters, digits, dots, hyphens and underscores.", [nameof(Prefix)]);
    }
}
