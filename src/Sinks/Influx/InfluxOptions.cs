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
public sealed class InfluxOptions
{
    public const string Section = "Pipeline:Influx";

    /// <summary>Base address, such as http://127.0.0.1:8086. Required by the role events-influx.</summary>
    [Required]
    public Uri? Url { get; set; }

    /// <summary>Which write API to use. Default v2.</summary>
    public InfluxApi Api { get; set; } = InfluxApi.V2;

    /// <summary>API token of v2, or <c>user:password</c> of v1. Default empty: no authorisation header is sent.</summary>
    public string Token { get; set; } = "";

    /// <summary>Organisation, v2 only. Default <c>pipeline</c>.</summary>
    public string Org { get; set; } = "pipeline";

    /// <summary>Bucket of v2, database of v1. Default <c>efficiency_events</c>.</summary>
    [Required]
    public string Bucket { get; set; } = "efficiency_events";

    /// <summary>How long one write may take before it is repeated. Default 30 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);
}
