using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Processors.Analysis.Grpc.Messages;
using Pipeline.Processors.Analysis.Grpc.ReflectionMessages;
using static Pipeline.Processors.Analysis.Grpc.HealthMessages.HealthCheckResponse.Types;
using HealthProtocol = Pipeline.Processors.Analysis.Grpc.HealthMessages;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

public sealed class AnalyticsCallsTests : IAsyncLifetime
{
    const string Analyze = "analytics.AnalyticsEngine/Analyze", Batch = "analytics.AnalyticsEngine/BatchAnalyze";

    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60);

    readonly MeanEngine _engine = new();
    volatile bool _isReady = true;
    GrpcServer _server = null!;

    HttpClient Client => _server.Client;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(app => app.MapAnalytics(_engine, () => _isReady, "1.2.3", GrpcServer.Limits));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    async Task<AnalyzeResponse> AnalyzeAsync(AnalyzeRequest request)
    {
        var answer = await Client.CallAsync(Analyze, request);
        Assert.Equal("0", answer.Status);
        return answer.Read(AnalyzeResponse.Parser);
    }

    [Fact]
    public async Task The_documented_call_works_as_it_is()
    {
        var response = await AnalyzeAsync(new AnalyzeRequest { RequestId = "r", Algorithm = "kmeans", Data = { 1, 2, 3, 4, 5 }, Params = { ["k"] = "2" } });
        Assert.Equal(("r", true, "", null), (response.RequestId, response.Success, response.Error, response.Metadata));
        Assert.Equal(3, JsonDocument.Parse(response.ResultJson).RootElement.GetProperty("mean").GetDouble());
        Assert.Equal("""{"k":2}""", _engine.Last?.Parameters?.GetRawText());
        Assert.Equal([1, 2, 3, 4, 5], Assert.IsType<ValuesInput>(_engine.Last?.Input).Values.ToArray());
        Assert.Equal((AnalysisOptions.Default, "r", AnalysisPriority.Normal), (_engine.Last!.Options, _engine.Last.RequestId, _engine.Last.Priority));
    }

    [Theory]
    [InlineData("k", "2", "2")]
    [InlineData("k", " -7 ", "-7")]
    [InlineData("k", "2.0", "2")]
    [InlineData("ratio", "0.25", "0.25")]
    [InlineData("ratio", "1e3", "1000")]
    [InlineData("fast", "true", "true")]
    [InlineData("fast", "False", "false")]
    [InlineData("label", "2", "\"2\"")]
    [InlineData("depth", "3", "3")]
    [InlineData("depth", "null", "null")]
    [InlineData("start", "[[1],[2.5]]", "[[1],[2.5]]")]
    [InlineData("more", """{"a":"b"}""", """{"a":"b"}""")]
    [InlineData("either", "5", "5")]
    [InlineData("either", "five", "\"five\"")]
    [InlineData("any", "5", "\"5\"")]
    [InlineData("unheard_of", "5", "\"5\"")]
    public async Task A_string_is_read_by_the_schema(string name, string text, string json)
    {
        Assert.True((await AnalyzeAsync(new AnalyzeRequest { Algorithm = "mean", Params = { [name] = text } })).Success);
        Assert.Equal(json, _engine.Last?.Parameters?.GetProperty(name).GetRawText());
    }

    [Theory]
    [InlineData("k", "two", "integer")]
    [InlineData("k", "2.5", "integer")]
    [InlineData("k", "1e300", "integer")]
    [InlineData("ratio", "NaN", "number")]
    [InlineData("fast", "1", "boolean")]
    [InlineData("depth", "deep", "integer or null")]
    [InlineData("start", "{}", "array")]
    [InlineData("start", "[1", "array")]
    [InlineData("more", "[]", "object")]
    public async Task A_string_that_is_none_of_it_is_the_requests_fault(string name, string text, string wanted)
    {
        var response = await AnalyzeAsync(new AnalyzeRequest { RequestId = "r", Algorithm = "mean", Params = { [name] = text } });
        Assert.Equal(("r", false, "", $"invalid_parameters: {name} must be of type {wanted}."), (response.RequestId, response.Success, response.ResultJson, response.Error));
        Assert.Null(_engine.Last);
    }

    [Fact]
    public async Task Options_that_are_given_count_and_absent_ones_are_their_defaults()
    {
        await AnalyzeAsync(new AnalyzeRequest { Algorithm = "mean", Options = new AnalyzeOptions { TimeoutMs = 500 } });
        Assert.Equal(new AnalysisOptions(true, true, 500), _engine.Last?.Options);
        await AnalyzeAsync(new AnalyzeRequest { Algorithm = "mean", Options = new AnalyzeOptions { PreferNative = false, AllowPython = false, TimeoutMs = 0 } });
        Assert.Equal(new AnalysisOptions(false, false, AnalysisLimits.TimeoutMsDefault), _engine.Last?.Options);
        var response = await AnalyzeAsync(new AnalyzeRequest { Algorithm = "mean", Data = { 1, 2 }, Options = new AnalyzeOptions { IncludeMetadata = true } });
        Assert.Equal(new AnalyzeMetadata { Implementation = "native", ExecutionTimeMs = 1.5, AlgorithmVersion = "1", N = 2, Worker = 7, Cached = true }, response.Metadata);
    }

    [Fact]
    public async Task What_no_request_may_hold_is_its_own_fault()
    {
        foreach (var request in new AnalyzeRequest[] { new(), new() { Algorithm = new string('a', 129) }, new() { Algorithm = "mean", RequestId = "a\n" }, new() { Algorithm = "mean", Options = new AnalyzeOptions { TimeoutMs = -1 } } })
            Assert.StartsWith("invalid_request: ", (await AnalyzeAsync(request)).Error, StringComparison.Ordinal);
        Assert.Equal("unknown_algorithm: There is no median.", (await AnalyzeAsync(new AnalyzeRequest { Algorithm = "median", Params = { ["k"] = "2" } })).Error);
        Assert.Equal("""{"k":"2"}""", _engine.Last?.Parameters?.GetRawText());
    }

    [Theory]
    [InlineData(AnalysisFaultCode.Overloaded, "8", "overloaded")]
    [InlineData(AnalysisFaultCode.Unavailable, "14", "unavailable")]
    [InlineData(AnalysisFaultCode.Timeout, "4", "timeout")]
    [InlineData(AnalysisFaultCode.Cancelled, "1", "cancelled")]
    [InlineData(AnalysisFaultCode.WorkerCrashed, "0", "worker_crashed")]
    [InlineData(AnalysisFaultCode.MemoryLimit, "0", "memory_limit")]
    [InlineData(AnalysisFaultCode.AlgorithmFailed, "0", "algorithm_failed")]
    [InlineData(AnalysisFaultCode.NotAllowed, "0", "not_allowed")]
    [InlineData(AnalysisFaultCode.TooFewValues, "0", "too_few_values")]
    public async Task A_fault_is_a_status_alone_where_it_is_not_the_requests(AnalysisFaultCode code, string status, string name)
    {
        var request = new AnalyzeRequest { RequestId = "r", Algorithm = $"{code}" };
        var answer = await Client.CallAsync(Analyze, request);
        Assert.Equal(status, answer.Status);
        Assert.Equal($"{name}: As it was asked for.", status == "0" ? answer.Read(AnalyzeResponse.Parser).Error : answer.Message);
        var batch = await Client.CallAsync(Batch, new BatchRequest { Requests = { request, new AnalyzeRequest { RequestId = "s", Algorithm = "mean" } } });
        Assert.Equal("0", batch.Status);
        var responses = batch.Messages.Select(AnalyzeResponse.Parser.ParseFrom).ToDictionary(r => r.RequestId);
        Assert.Equal(($"{name}: As it was asked for.", true), (responses["r"].Error, responses["s"].Success));
    }

    [Fact]
    public async Task A_batch_answers_each_as_it_is_ready()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "with one processor a batch goes one by one");
        using var response = await Client.SendAsync(GrpcWire.Request(Batch, new ByteArrayContent(GrpcWire.Frame(new BatchRequest
        {
            Requests = { new AnalyzeRequest { RequestId = "slow", Algorithm = "wait" }, new AnalyzeRequest { RequestId = "quick", Algorithm = "mean" } },
        }))), HttpCompletionOption.ResponseHeadersRead);
        using var body = await response.Content.ReadAsStreamAsync();
        Assert.Equal("quick", (await NextAsync(body)).RequestId);
        _engine.Gate.SetResult();
        Assert.Equal("slow", (await NextAsync(body)).RequestId);
    }

    static async Task<AnalyzeResponse> NextAsync(Stream body)
    {
        using var deadline = new CancellationTokenSource(Plenty);
        var prefix = new byte[5];
        await body.ReadExactlyAsync(prefix, deadline.Token);
        var message = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(1))];
        await body.ReadExactlyAsync(message, deadline.Token);
        return AnalyzeResponse.Parser.ParseFrom(message);
    }

    [Fact]
    public async Task A_batch_is_bounded_in_length_and_in_what_runs_at_once()
    {
        var batch = new BatchRequest { Requests = { Enumerable.Range(0, 1000).Select(i => new AnalyzeRequest { RequestId = $"{i}", Algorithm = "mean" }) } };
        var answer = await Client.CallAsync(Batch, batch);
        Assert.Equal("0", answer.Status);
        Assert.Equal(1000, answer.Messages.Select(m => AnalyzeResponse.Parser.ParseFrom(m).RequestId).Distinct().Count());
        Assert.InRange(_engine.MostAtOnce, 1, Environment.ProcessorCount);
        batch.Requests.Add(new AnalyzeRequest());
        Assert.Equal("3", (await Client.CallAsync(Batch, batch)).Status);
        Assert.Empty((await Client.CallAsync(Batch, new BatchRequest())).Messages);
    }

    [Fact]
    public async Task The_deadline_of_a_call_ends_what_it_runs()
    {
        Assert.Equal("4", (await Client.CallAsync(Analyze, new AnalyzeRequest { Algorithm = "wait" }, ("grpc-timeout", "300m"))).Status);
        await _engine.Cancelled.Task.WaitAsync(Plenty);
    }

    [Fact]
    public async Task Health_is_the_hosts_readiness()
    {
        async Task<(bool, ServingStatus)> AskAsync(string service) => (
            (await Client.CallAsync("analytics.AnalyticsEngine/HealthCheck", new HealthCheckRequest())).Read(HealthCheckResponse.Parser).Healthy,
            (await Client.CallAsync("grpc.health.v1.Health/Check", new HealthProtocol.HealthCheckRequest { Service = service })).Read(HealthProtocol.HealthCheckResponse.Parser).Status);
        Assert.Equal((true, ServingStatus.Serving), await AskAsync(""));
        _isReady = false;
        Assert.Equal((false, ServingStatus.NotServing), await AskAsync("analytics.AnalyticsEngine"));
        Assert.Equal("5", (await Client.CallAsync("grpc.health.v1.Health/Check", new HealthProtocol.HealthCheckRequest { Service = "no.Such" })).Status);
    }

    [Fact]
    public async Task Health_can_be_watched()
    {
        using var response = await Client.SendAsync(GrpcWire.Request("grpc.health.v1.Health/Watch", new ByteArrayContent(GrpcWire.Frame([]))), HttpCompletionOption.ResponseHeadersRead);
        using var body = await response.Content.ReadAsStreamAsync();
        var message = new byte[7];
        await body.ReadExactlyAsync(message);
        Assert.Equal(GrpcWire.Frame(new HealthProtocol.HealthCheckResponse { Status = ServingStatus.Serving }), message);
        _isReady = false;
        await body.ReadExactlyAsync(message);
        Assert.Equal(GrpcWire.Frame(new HealthProtocol.HealthCheckResponse { Status = ServingStatus.NotServing }), message);
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Services_and_messages_can_be_found(string version)
    {
        var asked = new[]
        {
            new ServerReflectionRequest { ListServices = "*" }, new ServerReflectionRequest { FileContainingSymbol = "analytics.AnalyticsEngine.Analyze" },
            new ServerReflectionRequest { FileContainingSymbol = "analytics.AnalyzeRequest" }, new ServerReflectionRequest { FileByFilename = "analytics.proto" },
            new ServerReflectionRequest { FileContainingSymbol = "no.Such" },
        };
        var answer = await Client.CallAsync($"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", [.. asked.SelectMany(r => GrpcWire.Frame(r))]);
        var answers = answer.Messages.Select(ServerReflectionResponse.Parser.ParseFrom).ToList();
        Assert.Equal(["analytics.AnalyticsEngine", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"], answers[0].ListServicesResponse.Service.Select(s => s.Name));
        Assert.All(answers[1..4], a => Assert.Equal(AnalyticsReflection.Descriptor.SerializedData, a.FileDescriptorResponse.FileDescriptorProto.Single()));
        Assert.Equal((int)GrpcStatus.NotFound, answers[4].ErrorResponse.ErrorCode);
        Assert.Equal(asked[4], answers[4].OriginalRequest);
    }
}
