using System.ComponentModel.DataAnnotations;

namespace Pipeline.Sinks.Influx;

public enum InfluxApi
{
    /// <summary>InfluxDB 2: organisation, bucket and token.</summary>
    V2,
    /// <summary>InfluxDB 1.x: a database of the bucket's name, and user and password where it asks for them.</summary>
    V1,
}

/// <summary>Where InfluxDB is. Section <c>Pipeline:Influx</c>.</summary>
public sealed class InfluxOptions : IValidatableObject
{
    public const string Section = "Pipeline:Influx";

    /// <summary>Base address, such as http://127.0.0.1:8086. Required by the role events-influx; without the section, Ingest answers performance 501.</summary>
    [Required]
    public Uri? Url { get; set; }

    /// <summary>Which API to write and read by. Default v2.</summary>
    public InfluxApi Api { get; set; } = InfluxApi.V2;

    /// <summary>API token of v2, or <c>user:password</c> of v1. Default empty: no authorisation header is sent.</summary>
    public string Token { get; set; } = "";

    /// <summary>Organisation, v2 only. Default <c>pipeline</c>.</summary>
    public string Org { get; set; } = "pipeline";

    /// <summary>Bucket of v2, database of v1. Default <c>efficiency_events</c>.</summary>
    [Required]
    public string Bucket { get; set; } = "efficiency_events";

    /// <summary>How long one write may take before it is repeated. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a query may take before its caller is told to come back. Default 5 s. Only Ingest asks queries.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:05:00")]
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Url is not null && !(Url.IsAbsoluteUri && Url.Scheme is "http" or "https"))
            yield return new ValidationResult("Url must begin with http:// or https://.", [nameof(Url)]);
    }
}
