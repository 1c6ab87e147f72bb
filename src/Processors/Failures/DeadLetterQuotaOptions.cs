using System.ComponentModel.DataAnnotations;

namespace Pipeline.Processors.Failures;

/// <summary>When a tenant's dead letters are a flood, so that Ingest answers its batches 429. Section <c>Pipeline:DeadLetterQuota</c>.</summary>
public sealed class DeadLetterQuotaOptions
{
    public const string Section = "Pipeline:DeadLetterQuota";

    /// <summary>The time that is looked back on, and for which a flood is told after it was last seen. Default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>With fewer dead letters within the window a tenant is never a flood. Default 1,000, in each process.</summary>
    [Range(1, 1_000_000_000)]
    public long DeadLettersMin { get; set; } = 1000;

    /// <summary>Share of the tenant's records that have to be dead letters besides. Default 0.5: a large tenant may have many that are few.</summary>
    [Range(0.001, 1)]
    public double Ratio { get; set; } = 0.5;

    /// <summary>Tenants that are counted at a time; beyond it the one that has been silent longest is forgotten. Default 1,000.</summary>
    [Range(1, 100_000)]
    public int TenantsMax { get; set; } = 1000;
}
