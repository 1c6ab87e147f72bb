namespace Pipeline.Contracts;

/// <summary>Names that producers and consumers agree on.</summary>
public static class Topics
{
    public const string EfficiencyEvents = "efficiency.events";

    /// <summary>What is to be analysed, keyed by request id.</summary>
    public const string AnalysisRequests = "analysis.requests";

    /// <summary>How ids of scheduled requests begin; those of clients do not.</summary>
    public const string ScheduledRequests = "schedule/";

    /// <summary>What came of it, keyed likewise. May repeat a result: the task's row is the answer.</summary>
    public const string AnalysisResults = "analysis.results";

    /// <summary>Of a result: whose request it was; absent where it is the default one.</summary>
    public const string TenantHeaderName = "tenant";

    /// <summary>Tenant of everything that names none.</summary>
    public const string DefaultTenant = "default";

    /// <summary>The one header of an event that came in over HTTP; see <see cref="IngestHeader"/>.</summary>
    public const string IngestHeaderName = "ingest";
}
