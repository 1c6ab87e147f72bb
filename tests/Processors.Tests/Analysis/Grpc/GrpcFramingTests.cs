using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Grpc;
using Pipeline.Processors.Analysis.Grpc.Messages;
using Pipeline.Processors.Analysis.Grpc.StatusMessages;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>Each rule of gRPC over HTTP/2 by requests made by hand.</summary>
public sealed class GrpcFramingTests : IAsyncLifetime
{
    const string Echo = "test.Test/Echo", Stubborn = "test.Test/Stubborn", Waits = "test.Test/Waits", Flood = "test.Test/Flood";

    static readonly TimeSpan Plenty = TimeSpan.FromSeconds(60);

    readonly TaskCompletionSource _waits = new(TaskCreationOptions.RunContinuationsAsynchronously), _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously),
        _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TaskCompletionSource<Exception?> _late = new(TaskCreationOptions.RunContinuationsAsynchronously), _flood = new(TaskCreationOptions.RunContinuationsAsynchronously);

    GrpcServer _server = null!;

    HttpClient Client => _server.Client;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(
        GrpcMethod.Unary(Echo, AnalyzeRequest.Parser, (request, _) => Task.FromResult(new AnalyzeResponse { RequestId = request.RequestId, Error = $"{request.Data.Count}" })),
        GrpcMethod.Unary<AnalyzeRequest, AnalyzeResponse>("test.Test/Throws", AnalyzeRequest.Parser, (_, _) => throw new InvalidOperationException("the password is secret")),
        GrpcMethod.Unary<AnalyzeRequest, AnalyzeResponse>("test.Test/Refuses", AnalyzeRequest.Parser, (_, _) => throw new GrpcException(GrpcStatus.NotFound, "Zürich: 100%")),
        new GrpcMethod(Stubborn, StubbornAsync), new GrpcMethod(Waits, WaitsAsync), new GrpcMethod(Flood, FloodAsync));

    public async ValueTask DisposeAsync()
    {
        _release.TrySetResult();
        await _server.DisposeAsync();
    }

    /// <summary>Knows no token, and writes when all is over.</summary>
    async Task StubbornAsync(GrpcCall call)
    {
        await _release.Task;
        _late.SetResult(await Record.ExceptionAsync(() => call.WriteAsync(new AnalyzeResponse { RequestId = "late" })));
    }

    async Task WaitsAsync(GrpcCall call)
    {
        _waits.SetResult();
        await using var told = call.Stop.Register(_cancelled.SetResult);
        await _cancelled.Task;
    }

    /// <summary>More than any client has room for.</summary>
    async Task FloodAsync(GrpcCall call) => _flood.SetResult(await Record.ExceptionAsync(async () =>
    {
        while (true)
            await call.WriteAsync(new AnalyzeResponse { ResultJson = new string('x', 100_000) });
    }));

    [Fact]
    public async Task A_message_goes_in_and_out_by_tcp_and_by_a_unix_socket()
    {
        foreach (var client in new[] { Client, _server.SocketClient })
        {
            var answer = await client.CallAsync(Echo, new AnalyzeRequest { RequestId = "a" });
            Assert.Equal((HttpStatusCode.OK, "0", "", false), (answer.Http, answer.Status, answer.Message, answer.IsTrailersOnly));
            Assert.Equal("application/grpc", answer.Response.Content.Headers.ContentType?.MediaType);
            Assert.Equal("a", answer.Read(AnalyzeResponse.Parser).RequestId);
        }
    }

    [Fact]
    public async Task A_large_message_in_small_pieces_comes_whole()
    {
        var request = new AnalyzeRequest { Data = { Enumerable.Range(0, 1_000_000).Select(i => (double)i) } };
        var answer = await Client.CallAsync(Echo, request);
        Assert.Equal("1000000", answer.Read(AnalyzeResponse.Parser).Error);
        var pieces = new OpenContent(GrpcWire.Frame([], length: 3)[..4]);
        var call = Client.CallAsync(GrpcWire.Request(Echo, pieces));
        pieces.End.SetResult();
        Assert.Equal(("13", "The request ends within a message."), ((await call).Status, (await call).Message));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc+json")]
    public async Task Another_content_type_is_415(string type)
    {
        var body = new ByteArrayContent(GrpcWire.Frame([])) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await Client.CallAsync(GrpcWire.Request(Echo, body))).Http);
    }

    [Fact]
    public async Task Http_1_is_told_to_upgrade()
    {
        using var client = new HttpClient { BaseAddress = _server.Http1 };
        var body = new ByteArrayContent(GrpcWire.Frame([])) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } };
        Assert.Equal(HttpStatusCode.UpgradeRequired, (await client.PostAsync(Echo, body)).StatusCode);
    }

    [Theory]
    [InlineData("test.Test/Nothing")]
    [InlineData("no.Such/Echo")]
    public async Task A_method_that_is_not_there_is_unimplemented(string path)
    {
        var answer = await Client.CallAsync(path, new AnalyzeRequest());
        Assert.Equal((HttpStatusCode.OK, "12", true), (answer.Http, answer.Status, answer.IsTrailersOnly));
        Assert.Equal("application/grpc", answer.Response.Content.Headers.ContentType?.MediaType);
        var other = new ByteArrayContent([]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        Assert.Equal(HttpStatusCode.NotFound, (await Client.CallAsync(GrpcWire.Request(path, other))).Http);
    }

    [Fact]
    public async Task A_fault_that_nobody_foresaw_is_internal_and_tells_nothing()
    {
        var answer = await Client.CallAsync("test.Test/Throws", new AnalyzeRequest());
        Assert.Equal(("13", true), (answer.Status, answer.IsTrailersOnly));
        Assert.DoesNotContain("secret", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_status_has_its_message_percent_encoded()
    {
        var answer = await Client.CallAsync("test.Test/Refuses", new AnalyzeRequest());
        Assert.Equal(("5", "Z%C3%BCrich: 100%25", true), (answer.Status, answer.Message, answer.IsTrailersOnly));
    }

    [Theory]
    [InlineData("", "12")]
    [InlineData("00000000000000000000", "12")]
    [InlineData("0000000001", "13")]
    [InlineData("000000", "13")]
    [InlineData("0200000000", "13")]
    [InlineData("0100000000", "13")]
    [InlineData("000000000108", "13")]
    public async Task A_body_that_is_not_one_message_has_its_status(string hex, string status)
    {
        var answer = await Client.CallAsync(Echo, Convert.FromHexString(hex));
        Assert.Equal((status, true), (answer.Status, answer.IsTrailersOnly));
    }

    [Fact]
    public async Task A_message_over_the_limit_is_refused_by_its_prefix()
    {
        // Nothing of it comes, and the request goes on: the answer can only be by what it claims.
        var body = new OpenContent(GrpcWire.Frame([], length: GrpcServer.MessageBytesMax + 1));
        var answer = await Client.CallAsync(GrpcWire.Request(Echo, body));
        body.End.SetResult();
        Assert.Equal("8", answer.Status);
        Assert.Equal("8", (await Client.CallAsync(Echo, GrpcWire.Frame([], length: -1))).Status);
    }

    [Fact]
    public async Task A_small_message_that_unpacks_to_more_than_the_limit_is_refused()
    {
        var bomb = GrpcWire.Frame(GrpcWire.Gzip(new byte[GrpcServer.MessageBytesMax + 1]), flag: 1);
        Assert.InRange(bomb.Length, 1, GrpcServer.MessageBytesMax / 10);
        Assert.Equal("8", (await Client.CallAsync(Echo, bomb, ("grpc-encoding", "gzip"))).Status);
        Assert.Equal("13", (await Client.CallAsync(Echo, GrpcWire.Frame([1, 2, 3], flag: 1), ("grpc-encoding", "gzip"))).Status);
    }

    [Fact]
    public async Task A_compressed_message_is_answered_by_a_compressed_one()
    {
        var request = new AnalyzeRequest { RequestId = new string('a', 10_000) };
        var packed = GrpcWire.Frame(GrpcWire.Gzip(request.ToByteArray()), flag: 1);
        var answer = await Client.CallAsync(Echo, packed, ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, gzip"));
        Assert.Equal("gzip", answer.Response.Headers.GetValues("grpc-encoding").Single());
        Assert.Equal(request.RequestId, answer.Read(AnalyzeResponse.Parser).RequestId);
        var plain = await Client.CallAsync(Echo, packed, ("grpc-encoding", "gzip"));
        Assert.False(plain.Response.Headers.Contains("grpc-encoding"));
        Assert.Equal(request.RequestId, plain.Read(AnalyzeResponse.Parser).RequestId);
    }

    [Fact]
    public async Task An_unknown_compression_is_unimplemented_and_told_which_are_known()
    {
        var answer = await Client.CallAsync(Echo, GrpcWire.Frame([], flag: 1), ("grpc-encoding", "snappy"));
        Assert.Equal(("12", true), (answer.Status, answer.IsTrailersOnly));
        Assert.Equal("identity,gzip", answer.Response.Headers.GetValues("grpc-accept-encoding").Single());
    }

    [Theory]
    [InlineData("10")]
    [InlineData("x")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    public async Task A_timeout_that_is_none_is_internal(string timeout) =>
        Assert.Equal("13", (await Client.CallAsync(Echo, new AnalyzeRequest(), ("grpc-timeout", timeout))).Status);

    [Theory]
    [InlineData("0S")]
    [InlineData("1n")]
    public async Task A_deadline_that_has_passed_is_said_to_have(string timeout) =>
        Assert.Equal("4", (await Client.CallAsync(Echo, new AnalyzeRequest(), ("grpc-timeout", timeout))).Status);

    [Fact]
    public async Task A_deadline_holds_for_a_handler_that_knows_of_none()
    {
        var answer = await Client.CallAsync(Stubborn, new AnalyzeRequest(), ("grpc-timeout", "200m"));
        Assert.Equal(("4", true), (answer.Status, answer.IsTrailersOnly));
        _release.SetResult();
        Assert.NotNull(await _late.Task.WaitAsync(Plenty));
    }

    [Fact]
    public async Task A_deadline_holds_for_a_request_that_does_not_end()
    {
        var body = new OpenContent(GrpcWire.Frame([]));
        var answer = await Client.CallAsync(GrpcWire.Request(Echo, body, ("grpc-timeout", "200m")));
        body.End.SetResult();
        Assert.Equal("4", answer.Status);
    }

    [Fact]
    public async Task A_deadline_holds_for_a_client_that_does_not_read()
    {
        using var response = await Client.SendAsync(GrpcWire.Request(Flood, new ByteArrayContent(GrpcWire.Frame([])), ("grpc-timeout", "500m")), HttpCompletionOption.ResponseHeadersRead);
        Assert.IsType<OperationCanceledException>(await _flood.Task.WaitAsync(Plenty), exactMatch: false);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_client_that_goes_ends_the_handler()
    {
        using var stop = new CancellationTokenSource();
        var call = Client.SendAsync(GrpcWire.Request(Waits, new ByteArrayContent(GrpcWire.Frame([]))), stop.Token);
        await _waits.Task.WaitAsync(Plenty);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await _cancelled.Task.WaitAsync(Plenty);
        // The connection lives on.
        Assert.Equal("0", (await Client.CallAsync(Echo, new AnalyzeRequest())).Status);
    }

    [Fact]
    public async Task Messages_beyond_what_may_be_held_are_refused_with_the_time_to_wait_and_room_comes_back()
    {
        var limits = GrpcServer.Limits with { InFlight = new InFlightBytes(300_000) };
        await using var server = await GrpcServer.StartAsync(limits, GrpcMethod.Unary(Echo, AnalyzeRequest.Parser, (request, _) => Task.FromResult(new AnalyzeResponse { Error = $"{request.Data.Count}" })));
        var request = new AnalyzeRequest { Data = { new double[25_000] } };
        var body = new OpenContent(GrpcWire.Frame([], length: 200_000));
        var first = server.Client.CallAsync(GrpcWire.Request(Echo, body));
        await Until.TrueAsync("the first is being read", Plenty, () => limits.InFlight.Bytes > 0);
        var refused = await server.Client.CallAsync(Echo, request);
        Assert.Equal(("8", true), (refused.Status, refused.IsTrailersOnly));
        Assert.Equal("1000", refused.Response.Headers.GetValues("grpc-retry-pushback-ms").Single());
        var details = refused.Response.Headers.GetValues("grpc-status-details-bin").Single();
        var status = Status.Parser.ParseFrom(Convert.FromBase64String(details.PadRight((details.Length + 3) & ~3, '=')));
        Assert.Equal((8, 1), (status.Code, status.Details.Single().Unpack<RetryInfo>().RetryDelay.Seconds));
        // Small ones are answered all the same.
        Assert.Equal("0", (await server.Client.CallAsync(Echo, new AnalyzeRequest())).Status);
        body.End.SetResult();
        Assert.Equal("13", (await first).Status);
        Assert.Equal("25000", (await server.Client.CallAsync(Echo, request)).Read(AnalyzeResponse.Parser).Error);
        Assert.Equal("8", (await server.Client.CallAsync(Echo, GrpcWire.Frame(GrpcWire.Gzip(new byte[400_000]), flag: 1), ("grpc-encoding", "gzip"))).Status);
        await Until.TrueAsync("nothing is held", Plenty, () => limits.InFlight.Bytes == 0);
    }

    [Fact]
    public async Task A_message_that_does_not_come_ends_its_call()
    {
        await using var server = await GrpcServer.StartAsync(GrpcServer.Limits with { BodyTimeout = TimeSpan.FromMilliseconds(300) },
            GrpcMethod.Unary(Echo, AnalyzeRequest.Parser, (_, _) => Task.FromResult(new AnalyzeResponse())));
        var body = new OpenContent(GrpcWire.Frame([], length: 100));
        var answer = await server.Client.CallAsync(GrpcWire.Request(Echo, body));
        body.End.SetResult();
        Assert.Equal(("4", "The message did not come within 0.3 s."), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task A_call_without_end_ends_when_the_server_stops()
    {
        var server = await GrpcServer.StartAsync(new GrpcHealth([], () => true, TimeProvider.System).Methods.ToArray());
        using var watch = await server.Client.SendAsync(GrpcWire.Request("grpc.health.v1.Health/Watch", new ByteArrayContent(GrpcWire.Frame([]))), HttpCompletionOption.ResponseHeadersRead);
        var body = watch.Content.ReadAsByteArrayAsync();
        await server.StopAsync();
        await body;
        Assert.Equal("14", watch.TrailingHeaders.GetValues("grpc-status").Single());
        await server.DisposeAsync();
    }
}
