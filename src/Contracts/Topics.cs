namespace Pipeline.Contracts;

/// <summary>Names that producers and consumers agree on.</summary>
public static class Topics
{
    public const string EfficiencyEvents = "efficiency.events";

    /// <summary>Tenant of everything that names none.</summary>
    public const string DefaultTenant = "default";

    /// <summary>The one header of an event that came in over HTTP; see <see cref="IngestHeader"/>.</summary>
    public const string IngestHeaderName = "ingest";
}
