using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;

[assembly: AssemblyFixture(typeof(Pipeline.Ingest.Tests.Statistics.StatisticsHost))]

namespace Pipeline.Ingest.Tests.Statistics;

/// <summary>One host for all tests of statistics. They need a store and no broker.</summary>
public sealed class StatisticsHost : IAsyncLifetime
{
    const string NoBroker = "127.0.0.1:1";

    static readonly Lazy<Task<IngestUnderTest>> Host = new(() => StartAsync());

    internal static Task<IngestUnderTest> GetAsync() => Host.Value;

    internal static async Task<IngestUnderTest> StartAsync(Dictionary<string, string>? settings = null)
    {
        var host = await IngestUnderTest.StartAsync(settings, database: true, kafka: NoBroker);
        await Until.TrueAsync("the schema is there", TimeSpan.FromSeconds(60), host.Database!.HasSchemaAsync);
        return host;
    }

    /// <summary>As the processors would have written it: annotation events of one quarter of an hour, all successful and completed, and as many slots of work from its beginning on.</summary>
    internal static async Task StoreAsync(IngestUnderTest host, string user, string project, string quarter, int annotations, int activeSlots = 0, string tool = "", string type = "box", int completed = -1)
    {
        await host.Database!.RowsAsync("INSERT INTO rev_1.members (tenant, project_id, user_id) VALUES ('default', $1, $2) ON CONFLICT DO NOTHING", _ => 0, project, user);
        await host.Database.RowsAsync("""
            INSERT INTO rev_1.activity (log_id, tenant, user_id, project_id, bucket, event_type, tool, annotation_type, events, succeeded, durations, duration_us, duration_outliers, completed, slots, first_at, last_at)
            VALUES (1, 'default', $1, $2, $3::text::timestamptz, 1, $5, $6, $4, $4, $4, $4 * 1000000, 0, $7, $8::text::bit(270), $3::text::timestamptz, $3::text::timestamptz + '1 minute')
            """, _ => 0, user, project, quarter, annotations, tool, type, completed < 0 ? annotations : completed,
            new string([.. Enumerable.Range(-180, 270).Select(i => i >= 0 && i < activeSlots ? '1' : '0')]));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (Host.IsValueCreated && Host.Value.IsCompletedSuccessfully)
            await (await Host.Value).DisposeAsync();
    }
}
