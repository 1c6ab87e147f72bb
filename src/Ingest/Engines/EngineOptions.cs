using System.ComponentModel.DataAnnotations;

namespace Pipeline.Ingest.Engines;

/// <summary>Where analyses are executed. Section <c>Pipeline:Analysis</c>.</summary>
public sealed class EngineOptions : IValidatableObject
{
    public const string Section = "Pipeline:Analysis";

    /// <summary>Addresses of processors with the role <c>analysis</c>, like <c>http://127.0.0.1:8082</c>. Default none: analyses are answered 501.</summary>
    public List<string> Engines { get; set; } = [];

    /// <summary>Bytes of one request or batch after decompression; one more is answered 413. Default 16 MiB.</summary>
    [Range(1024, 256 * 1024 * 1024)]
    public int BodyBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>Bytes of all bodies that are being read or await an engine; beyond it clients get 503. Apart from those of events, which analyses must not hold up. Default 64 MiB.</summary>
    [Range(1024 * 1024, 4L * 1024 * 1024 * 1024)]
    public long InFlightBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long an engine may take to answer, whatever the request's own timeout. Default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long an engine that could not be reached is asked last. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan AvoidFor { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long connecting to an engine may take. Default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Bytes of one body of float64, which is passed on as it comes; one more is answered 413. Default 64 MiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int Float64BytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long a client may take to send such a body; then 408. Default a minute.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromMinutes(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var engine in Engines)
            if (!Uri.TryCreate(engine, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
                yield return new ValidationResult($"{engine} is no http address.", [nameof(Engines)]);
        if (BodyBytesMax > InFlightBytesMax)
            yield return new ValidationResult("BodyBytesMax must not exceed InFlightBytesMax.", [nameof(BodyBytesMax)]);
    }
}
