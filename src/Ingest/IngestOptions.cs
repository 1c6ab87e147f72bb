using System.ComponentModel.DataAnnotations;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest;

/// <summary>Limits of the HTTP side. Section <c>Pipeline:Ingest</c>.</summary>
public sealed class IngestOptions : IValidatableObject
{
    public const string Section = "Pipeline:Ingest";

    /// <summary>Bytes of one request body after decompression; one more is answered 413. Default 4 MiB.</summary>
    [Range(1024, 256 * 1024 * 1024)]
    public int BodyBytesMax { get; set; } = 4 * 1024 * 1024;

    /// <summary>Bytes of all bodies being read or awaiting the broker; beyond it clients get 503. Default 64 MiB.</summary>
    [Range(1024 * 1024, 4L * 1024 * 1024 * 1024)]
    public long InFlightBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>What <c>Retry-After</c> says with a 503. Default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long a host that was told to stop goes on serving while <c>/health/ready</c> says no. Default 1 s, in which Kubernetes takes an
    /// endpoint away; a load balancer that polls needs its interval times the failures it wants to see.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan StopDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a stop then waits for the broker to acknowledge what was received. Default 15 s; longer than Kafka's <c>DeliveryTimeout</c>.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan StopBudget { get; set; } = TimeSpan.FromSeconds(15);

    public StopTimes StopTimes => new(StopDelay, StopBudget);

    /// <summary>Origins whose pages may call the API; <c>*</c> allows all, without credentials. Default none.</summary>
    public List<string> AllowedOrigins { get; set; } = [];

    /// <summary>Whether browsers may send cookies or authorisation. Default false; not together with <c>*</c>.</summary>
    public bool AllowCredentials { get; set; }

    /// <summary>
    /// Whether <c>ops/*</c> and erasures are served. Default false: there are no keys and roles yet, so whoever reaches the port could read, or delete, what users sent.
    /// Switch it on where only operators reach it; an Ingest of its own for them may run beside the others.
    /// </summary>
    public bool Operations { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (AllowCredentials && AllowedOrigins.Contains("*"))
            yield return new ValidationResult("AllowedOrigins must name origins, not *, where AllowCredentials is true.", [nameof(AllowedOrigins)]);
        if (BodyBytesMax > InFlightBytesMax)
            yield return new ValidationResult("BodyBytesMax must not exceed InFlightBytesMax.", [nameof(BodyBytesMax)]);
    }
}
