[assembly: AssemblyFixture(typeof(Pipeline.Ingest.Tests.Host.SharedHost))]

namespace Pipeline.Ingest.Tests.Host;

/// <summary>One host for all tests that need no settings of their own. Started by the first that asks.</summary>
public sealed class SharedHost : IAsyncLifetime
{
    static readonly Lazy<Task<IngestUnderTest>> Host = new(() => IngestUnderTest.StartAsync(
        new() { ["Pipeline__Ingest__AllowedOrigins__0"] = "http://tool.example", ["Pipeline__Ingest__BodyBytesMax"] = "1000000", ["Pipeline__Ingest__Operations"] = "true" }, database: true));

    internal static Task<IngestUnderTest> GetAsync() => Host.Value;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (Host.IsValueCreated && Host.Value.IsCompletedSuccessfully)
            await (await Host.Value).DisposeAsync();
    }
}
