using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Bodies of raw float64, through Ingest and directly, whole and in pieces, with clients and engines that go away.</summary>
public sealed class AnalysisFloat64Tests
{
    const int Million = 1_000_000;
    const string Path = "/api/v1/analyze", Float64 = "Content-Type: application/x-float64\r\n";

    static readonly (string, string) Engine = ("Pipeline__Processors__Roles", "engine"), NoPython = ("Pipeline__Analysis__Python", "off");

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static byte[] Bytes(params double[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    static async Task<(int Status, JsonElement Body)> PostAsync(Uri host, string query, byte[] body, HttpClient? client = null, bool isChunked = false)
    {
        using var content = new ByteArrayContent(body) { Headers = { ContentType = new("application/x-float64") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host, $"{Path}?{query}")) { Content = content };
        if (client is not null)
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        if (isChunked)
            request.Headers.TransferEncodingChunked = true;
        using var answer = await (client ?? PipelineUnderTest.Http).SendAsync(request, Stop);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Stop));
    }

    static async Task<JsonElement> JsonAsync(Uri api, string request)
    {
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(api, Path), new StringContent(request, Encoding.UTF8, "application/json"), Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
    }

    static string Code(JsonElement body) => (body.TryGetProperty("error", out var error) ? error : body).GetProperty("code").GetString()!;

    static string Join(IEnumerable<double> values) => string.Join(',', values.Select(v => v.ToString("R", CultureInfo.InvariantCulture)));

    static async Task<JsonElement> AnalysisAsync(HostProcess engine) =>
        (await (await PipelineUnderTest.Http.GetAsync(new Uri(engine.Url, "health"), Stop)).Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("analysis");

    static async Task<long> InFlightAsync(HostProcess engine) => (await AnalysisAsync(engine)).GetProperty("bytes_in_flight").GetInt64();

    static Task NothingHeldAsync(HostProcess engine) => Until.TrueAsync("nothing is held", TimeSpan.FromSeconds(60), async () => await InFlightAsync(engine) == 0 && (await AnalysisAsync(engine)).GetProperty("running").GetInt32() == 0);

    [Fact]
    public async Task A_million_numbers_have_the_figures_of_the_same_numbers_as_JSON_on_every_road()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var socket = $"/tmp/pipeline-test-{Guid.NewGuid():N}.sock";
        var engine = await pipeline.StartProcessorsAsync(Engine, NoPython, ("Pipeline__Analysis__GrpcSocket", socket), ("Pipeline__Analysis__CacheBytesMax", "0"));
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;
        var random = Seeds.Next();
        var values = Enumerable.Range(0, Million).Select(_ => random.Next(-1_000_000, 1_000_000) / 1000.0).ToArray();
        var expected = (await JsonAsync(api, $$$"""{"algorithm":"summary","input":{"values":[{{{Join(values)}}}] } }""")).GetProperty("result").GetRawText();

        using var byHttp2 = new HttpClient();
        using var bySocket = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) =>
            {
                var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await client.ConnectAsync(new UnixDomainSocketEndPoint(socket), stop);
                return new NetworkStream(client, ownsSocket: true);
            },
        });
        var body = Bytes(values);
        foreach (var (host, client, isChunked) in ((Uri, HttpClient?, bool)[])
            [(api, null, false), (api, null, true), (engine.Url, null, false), (engine.Url, null, true), (await engine.GrpcAsync(), byHttp2, false), (new Uri("http://localhost"), bySocket, false)])
        {
            var (status, answer) = await PostAsync(host, "algorithm=summary&request_id=r1", body, client, isChunked);
            Assert.Equal((200, "r1", expected), (status, answer.GetProperty("request_id").GetString(), answer.GetProperty("result").GetRawText()));
        }

        // Two columns, one after the other, and everything else that the query can say.
        var (left, right) = (values[..5000], values[5000..10_000]);
        var r = (await JsonAsync(api, $$$"""{"algorithm":"correlation","input":{"columns":{"a":[{{{Join(left)}}}],"b":[{{{Join(right)}}}]} } }""")).GetProperty("result").GetRawText();
        foreach (var columns in (string[])["a,b", "2"])
            Assert.Equal(r, (await PostAsync(api, $"algorithm=correlation&columns={columns}", Bytes([.. left, .. right]))).Body.GetProperty("result").GetRawText());
        var (_, std) = await PostAsync(api, "algorithm=std&parameters=%7B%22ddof%22%3A0%7D&options=%7B%22include_metadata%22%3Atrue%7D", Bytes(1, 3));
        Assert.Equal((1, 2), (std.GetProperty("result").GetProperty("value").GetDouble(), std.GetProperty("metadata").GetProperty("n").GetInt32()));
        await NothingHeldAsync(engine);
        // A killed one would leave its socket.
        Assert.Equal(0, await engine.StopAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task What_the_documentation_tells_to_type_is_answered_and_identity_is_no_encoding()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine, NoPython);
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;
        var typed = Assert.Single(File.ReadLines(System.IO.Path.Combine(TestServers.Repository, "docs", "algorithms.md")), l => l.Contains("curl -s --data-binary @-", StringComparison.Ordinal));
        var (exit, answer) = await Bash.RunAsync($"INGEST_URL={api.ToString().TrimEnd('/')}; {typed}", TimeSpan.FromSeconds(30));
        Assert.True(exit == 0 && answer.Contains("\"count\":1000000", StringComparison.Ordinal), answer);
        foreach (var (host, encoding, status) in ((Uri, string, int)[])[(api, "identity", 200), (api, "Identity", 200), (api, "gzip", 415), (api, "identity, gzip", 415), (engine.Url, "Identity", 200), (engine.Url, "gzip", 400)])
        {
            using var content = new ByteArrayContent(Bytes(1, 2)) { Headers = { ContentType = new("application/x-float64") } };
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
            using var told = await PipelineUnderTest.Http.PostAsync(new Uri(host, $"{Path}?algorithm=sum"), content, Stop);
            Assert.Equal((encoding, status), (encoding, (int)told.StatusCode));
        }
    }

    [Fact]
    public async Task Python_is_given_the_same_numbers()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine);
        var python = await Until.TrueAsync("Python has started", TimeSpan.FromSeconds(60), async () => (await AnalysisAsync(engine)).GetProperty("python"), p => p.GetProperty("status").GetString() != "starting");
        Assert.SkipWhen(python.GetProperty("status").GetString() == "unavailable", python.ToString());
        // More than goes into a frame, so that it goes through the shared memory.
        var random = Seeds.Next();
        var values = Enumerable.Range(0, 20_000).Select(i => (i < 10_000 ? 0 : 100) + random.Next(10)).Select(v => (double)v).ToArray();
        var (status, answer) = await Until.TrueAsync("kmeans is found", TimeSpan.FromSeconds(60), () => PostAsync(engine.Url, "algorithm=kmeans&parameters=%7B%22k%22%3A2%7D", Bytes(values)), a => a.Status != 404);
        Assert.Equal(200, status);
        var expected = await JsonAsync(engine.Url, $$$"""{"algorithm":"kmeans","parameters":{"k":2},"input":{"values":[{{{Join(values)}}}] } }""");
        Assert.Equal(expected.GetProperty("result").GetRawText(), answer.GetProperty("result").GetRawText());
    }

    [Fact]
    public async Task What_is_no_number_meets_the_algorithms_policy_and_what_is_no_request_is_refused()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var engine = await pipeline.StartProcessorsAsync(Engine, NoPython);
        var api = (await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engine.Url.ToString()))).Url;
        foreach (var host in (Uri[])[api, engine.Url])
        {
            Assert.Equal("invalid_input", Code((await PostAsync(host, "algorithm=mean", Bytes(1, double.NaN, 4))).Body));
            Assert.Equal(2.5, (await PostAsync(host, "algorithm=mean&parameters=%7B%22nan%22%3A%22omit%22%7D", Bytes(1, double.NaN, 4))).Body.GetProperty("result").GetProperty("value").GetDouble());
            Assert.Equal(JsonValueKind.Null, (await PostAsync(host, "algorithm=mean&parameters=%7B%22nan%22%3A%22propagate%22%7D", Bytes(1, double.NaN))).Body.GetProperty("result").GetProperty("value").ValueKind);
            Assert.Equal("invalid_input", Code((await PostAsync(host, "algorithm=max", Bytes(1, double.PositiveInfinity))).Body));
            Assert.Equal(JsonValueKind.Null, (await PostAsync(host, "algorithm=max&parameters=%7B%22nan%22%3A%22propagate%22%7D", Bytes(1, double.PositiveInfinity))).Body.GetProperty("result").GetProperty("value").ValueKind);
            foreach (var (query, bytes, status, code) in ((string, int, int, string)[])
                [
                    ("algorithm=mean", 12, 400, "invalid_request"), ("algorithm=correlation&columns=a,b", 24, 400, "invalid_request"), ("algorithm=correlation&columns=a,a", 16, 400, "invalid_request"),
                    ("algorithm=mean&columns=0", 16, 400, "invalid_request"), ("algorithm=mean&colour=red", 16, 400, "invalid_request"), ("algorithm=mean&algorithm=sum", 16, 400, "invalid_request"),
                    ("", 16, 400, "invalid_request"), ("algorithm=mean&parameters=%7B", 16, 400, "malformed_request"), ("algorithm=mean&parameters=%5B%5D", 16, 400, "invalid_request"),
                    ("algorithm=mean&options=%7B%22timeout_ms%22%3A0%7D", 16, 400, "invalid_request"), ("algorithm=meann", 16, 404, "unknown_algorithm"), ("algorithm=mean", 0, 422, "too_few_values"),
                ])
            {
                var (answered, body) = await PostAsync(host, query, new byte[bytes]);
                Assert.Equal((query, status, code), (query, answered, Code(body)));
            }
        }
        foreach (var host in (Uri[])[api, engine.Url])
        {
            using var tooLong = await RawHttp.BeginAsync(host, $"{Path}?algorithm=max", $"{Float64}Content-Length: {(64 << 20) + 8}", default);
            Assert.StartsWith("HTTP/1.1 413", await tooLong.ReadAsync("\r\n\r\n"), StringComparison.Ordinal);
        }
        Assert.Equal(200, (await PostAsync(api, "algorithm=max", new byte[64 << 20])).Status);
        await NothingHeldAsync(engine);
    }

    [Fact]
    public async Task A_body_that_is_too_long_too_slow_or_one_too_many_is_refused_while_it_comes_and_nothing_of_it_stays()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        (string, string)[] small = [("Pipeline__Analysis__Float64BytesMax", $"{1 << 20}"), ("Pipeline__Analysis__BodyTimeout", "00:00:02")];
        var engine = await pipeline.StartProcessorsAsync([Engine, NoPython, .. small, ("Pipeline__Analysis__InFlightBytesMax", $"{1 << 20}"), ("Pipeline__Analysis__GrpcMessageBytesMax", $"{1 << 20}")]);
        var api = (await pipeline.StartIngestAsync([("Pipeline__Analysis__Engines__0", engine.Url.ToString()), .. small])).Url;
        foreach (var host in (Uri[])[api, engine.Url])
        {
            using var endless = await RawHttp.BeginAsync(host, $"{Path}?algorithm=max", $"{Float64}Transfer-Encoding: chunked", Encoding.ASCII.GetBytes($"{(1 << 20) + 8:x}\r\n"));
            await endless.SendAsync(new byte[(1 << 20) + 8]);
            Assert.StartsWith("HTTP/1.1 413", await endless.ReadAsync("\r\n\r\n"), StringComparison.Ordinal);
            await NothingHeldAsync(engine);

            // Of a million bytes a few: while they are waited for nobody else has room.
            using var slow = await RawHttp.BeginAsync(host, $"{Path}?algorithm=max", $"{Float64}Content-Length: 1000000", new byte[80]);
            await Until.TrueAsync("it is being read", TimeSpan.FromSeconds(30), async () => await InFlightAsync(engine) > 0);
            var (status, body) = await PostAsync(host, "algorithm=max", new byte[8000]);
            Assert.Equal((429, "overloaded"), (status, Code(body)));
            Assert.StartsWith("HTTP/1.1 408", await slow.ReadAsync("\r\n\r\n"), StringComparison.Ordinal);
            await NothingHeldAsync(engine);
            Assert.Equal(200, (await PostAsync(host, "algorithm=max", new byte[8000])).Status);

            // A client that goes in the middle.
            using (await RawHttp.BeginAsync(host, $"{Path}?algorithm=max", $"{Float64}Content-Length: 1000000", new byte[500_000]))
                await Until.TrueAsync("it is being read", TimeSpan.FromSeconds(30), async () => await InFlightAsync(engine) > 0);
            await NothingHeldAsync(engine);
        }
    }

    [Fact]
    public async Task An_engine_that_is_full_costs_no_body_and_one_that_dies_in_the_middle_is_told()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        (string, string)[] small = [("Pipeline__Analysis__Float64BytesMax", $"{1 << 20}"), ("Pipeline__Analysis__InFlightBytesMax", $"{1 << 20}"), ("Pipeline__Analysis__GrpcMessageBytesMax", $"{1 << 20}")];
        var engines = await Task.WhenAll(pipeline.StartProcessorsAsync([Engine, NoPython, .. small]), pipeline.StartProcessorsAsync([Engine, NoPython, .. small]));
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Analysis__Engines__0", engines[0].Url.ToString()), ("Pipeline__Analysis__Engines__1", engines[1].Url.ToString()));
        using (await RawHttp.BeginAsync(engines[0].Url, $"{Path}?algorithm=max", $"{Float64}Content-Length: 1000000", new byte[80]))
        {
            await Until.TrueAsync("the first is full", TimeSpan.FromSeconds(30), async () => await InFlightAsync(engines[0]) > 0);
            for (var i = 0; i < 4; i++)
                Assert.Equal(200, (await PostAsync(ingest.Url, "algorithm=max", new byte[8000])).Status);
        }
        await NothingHeldAsync(engines[0]);

        using var cut = await RawHttp.BeginAsync(ingest.Url, $"{Path}?algorithm=max", $"{Float64}Content-Length: 1000000", new byte[500_000]);
        var taken = await Until.TrueAsync("one of them reads it", TimeSpan.FromSeconds(30), async () => await InFlightAsync(engines[0]) > 0 ? 0 : await InFlightAsync(engines[1]) > 0 ? 1 : -1, i => i >= 0);
        engines[taken].Signal(HostProcess.SigKill);
        await engines[taken].ExitAsync(TimeSpan.FromSeconds(10));
        await cut.SendAsync(new byte[300_000]);
        var answer = await cut.ReadAsync("engine_lost");
        Assert.StartsWith("HTTP/1.1 503", answer, StringComparison.Ordinal);
        Assert.Contains("engine_lost", answer, StringComparison.Ordinal);
        for (var i = 0; i < 3; i++)
            Assert.Equal(200, (await PostAsync(ingest.Url, "algorithm=max", new byte[8000])).Status);
        var health = await (await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "health"), Stop)).Content.ReadFromJsonAsync<JsonElement>(Stop);
        Assert.All(health.GetProperty("engines").EnumerateArray(), e => Assert.Equal(0, e.GetProperty("pending").GetInt32()));
    }
}
