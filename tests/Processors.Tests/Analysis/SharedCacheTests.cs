using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Python;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Tests.Analysis;

/// <summary>Whatever the store of shared results does, a request has its outcome.</summary>
public sealed class SharedCacheTests
{
    readonly AnalysisSettings _settings = new() { CacheFrom = TimeSpan.Zero, SharedCacheFrom = TimeSpan.Zero, Python = PythonUse.Off };

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    AnalysisEngine Engine(NpgsqlDataSource store) => new(_settings, new PythonEngine(_settings, TimeProvider.System, NullLogger<PythonEngine>.Instance), new ResultCache(_settings, TimeProvider.System),
        TimeProvider.System, NullLogger<AnalysisEngine>.Instance) { Shared = new SharedCache(new CachedResults(store), _settings, Breaker.NeverOpen(Dependencies.Postgres)) };

    static AnalysisRequest Request()
    {
        Assert.Null(AnalysisRequestReader.Read("""{"algorithm":"sum","input":{"values":[1,2]}}"""u8, out var request));
        return request!;
    }

    [Fact]
    public async Task A_store_without_the_table_costs_no_request()
    {
        await using var database = await TestDatabase.CreateAsync($"shared_{Environment.ProcessId}");
        await using var store = NpgsqlDataSource.Create(TestServers.PostgresSettings($"shared_{Environment.ProcessId}"));
        var outcome = await Engine(store).ExecuteAsync(Request(), Stop);
        Assert.Equal("""{"value":3,"n":2}""", Encoding.UTF8.GetString(outcome.Result.Span));
    }

    [Fact]
    public async Task A_store_that_is_away_costs_no_request_and_a_cancellation_meanwhile_is_an_outcome()
    {
        // Nobody listens on port 1.
        await using var store = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=nobody;Timeout=1");
        Assert.Null((await Engine(store).ExecuteAsync(Request(), Stop)).Fault);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.Equal(AnalysisFaultCode.Cancelled, (await Engine(store).ExecuteAsync(Request(), cancelled.Token)).Fault!.Reason);
    }
}
