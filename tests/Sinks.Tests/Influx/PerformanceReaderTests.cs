using System.Net;
using System.Net.Sockets;
using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;
using static Pipeline.Sinks.Tests.Influx.Points;

namespace Pipeline.Sinks.Tests.Influx;

/// <summary>Against the real server, by every API that it has: InfluxDB 2 answers both.</summary>
public sealed class PerformanceReaderTests : IAsyncLifetime
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    static readonly DateTime Noon = new(2024, 5, 1, 12, 0, 0, DateTimeKind.Utc);
    static readonly TimeSpan Step = TimeSpan.FromMinutes(5);

    InfluxStore _store = null!;

    public static TheoryData<InfluxApi> Apis => TestServers.InfluxIsV1 ? [InfluxApi.V1] : [InfluxApi.V2, InfluxApi.V1];

    public async ValueTask InitializeAsync() => _store = await InfluxStore.CreateAsync($"performance-{Guid.NewGuid():N}");

    public async ValueTask DisposeAsync() => await _store.DisposeAsync();

    InfluxOptions Settings(InfluxApi api) => new()
    {
        Url = TestServers.InfluxUrl,
        Api = api,
        // InfluxDB 2 takes its token as the password of whomever.
        Token = api == InfluxApi.V1 && !TestServers.InfluxIsV1 ? "anybody:" + TestServers.InfluxToken : TestServers.InfluxToken,
        Org = TestServers.InfluxOrg,
        Bucket = _store.Bucket,
    };

    async Task WriteAsync(params string[] lines)
    {
        using var writer = new InfluxWriter(Settings(TestServers.InfluxIsV1 ? InfluxApi.V1 : InfluxApi.V2));
        await writer.WriteAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines)), Stop);
    }

    static string Line(DateTime time, string contents, string project = "p", string user = "u", string? tool = null, string type = "performance") =>
        LineOf(Event(contents, user, project, tool, time.ToString("O"), type), id: Guid.NewGuid());

    async Task<PerformanceSeries> ReadAsync(InfluxApi api, PerformanceQuery query)
    {
        using var reader = new PerformanceReader(Settings(api));
        return await reader.ReadAsync(query, Stop);
    }

    static PerformanceQuery Hour(string project = "p") => new(project, Noon, Noon.AddHours(1), Step);

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Known_points_give_exactly_their_means_per_step_over_all_users_and_tools(InfluxApi api)
    {
        await WriteAsync(
            Line(Noon, """{"fps":60,"memory_usage":100,"cpu_usage":1,"render_time":2,"network_latency":3,"load_time":4}"""),
            // One step, three series, one of them with two values: a mean of means would be 40.
            Line(Noon.AddMinutes(5), """{"fps":60}"""), Line(Noon.AddMinutes(6), """{"fps":30}""", user: "v"), Line(Noon.AddMinutes(7), """{"fps":10}""", user: "v"),
            Line(Noon.AddMinutes(9.99), """{"fps":20,"cpu_usage":null}""", tool: "t"),
            Line(Noon.AddMinutes(59.99), """{"fps":-1.5,"load_time":0.125}"""),
            Line(Noon.AddMilliseconds(-1), """{"fps":1000}"""), Line(Noon.AddHours(1), """{"fps":1000}"""),
            Line(Noon, """{"fps":1000}""", project: "q"), Line(Noon, """{"fps":1000}""", type: "backend_computation"));
        var series = await ReadAsync(api, Hour());
        Assert.Equal([new(Noon, 60), new(Noon.AddMinutes(5), 30), new(Noon.AddMinutes(55), -1.5)], series.Fps);
        Assert.Equal([new(Noon, 4), new(Noon.AddMinutes(55), 0.125)], series.LoadTime);
        Assert.Equal((100, 1, 2, 3), (Single(series.MemoryUsage), Single(series.CpuUsage), Single(series.RenderTime), Single(series.NetworkLatency)));

        Assert.Equal([new(Noon.AddMinutes(5), 20)], (await ReadAsync(api, Hour() with { UserId = "v" })).Fps);
        Assert.Equal([new(Noon.AddMinutes(5), 20)], (await ReadAsync(api, Hour() with { Tool = "t" })).Fps);
        Assert.Empty((await ReadAsync(api, Hour() with { UserId = "v", Tool = "t" })).Fps);
        // A window that begins within a step counts what is in the window, under the step's beginning.
        Assert.Equal([new(Noon.AddMinutes(5), 15)], (await ReadAsync(api, Hour() with { From = Noon.AddMinutes(6.5), To = Noon.AddMinutes(10) })).Fps);

        double? Single(IReadOnlyList<PerformancePoint> points)
        {
            var point = Assert.Single(points);
            Assert.Equal(Noon, point.Time);
            return point.Value;
        }
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Where_there_is_nothing_the_series_are_empty(InfluxApi api)
    {
        void AssertEmpty(PerformanceSeries series) =>
            Assert.All([series.Fps, series.MemoryUsage, series.CpuUsage, series.RenderTime, series.NetworkLatency, series.LoadTime], Assert.Empty);
        AssertEmpty(await ReadAsync(api, Hour()));
        await WriteAsync(Line(Noon, "{}"), Line(Noon, """{"fps":null}"""));
        AssertEmpty(await ReadAsync(api, Hour()));
        AssertEmpty(await ReadAsync(api, Hour("nobody")));
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task An_id_is_nothing_but_a_text(InfluxApi api)
    {
        string[] ids =
        [
            "\") |> drop() //", "x\" or true or r.project_id == \"", "${project}", "'; DROP MEASUREMENT efficiency_events; --", "' OR 1=1 --", "$project_id", "\" OR \"\"=\"", "\\", "\\\"", "\\'", "a\\nb", "a\\",
            "/.*/", ".*", "%", "2024-05-01T12:00:00Z", "1", "true", "null", "now()", "a,b=c d", "\u0085\u2028", "é漢😀", "#{x}", "-- ", " p", "p ", new('\'', 128),
        ];
        await WriteAsync([.. ids.SelectMany((id, i) => new[] { Line(Noon, $$"""{"fps":{{i + 1}}}""", id), Line(Noon, $$"""{"cpu_usage":{{i + 1}}}""", "shared", id), Line(Noon, $$"""{"load_time":{{i + 1}}}""", "shared", "u", id) })]);
        for (var i = 0; i < ids.Length; i++)
        {
            Assert.Equal((ids[i], i + 1), (ids[i], Assert.Single((await ReadAsync(api, Hour(ids[i]))).Fps).Value));
            Assert.Equal((ids[i], i + 1), (ids[i], Assert.Single((await ReadAsync(api, Hour("shared") with { UserId = ids[i] })).CpuUsage).Value));
            Assert.Equal((ids[i], i + 1), (ids[i], Assert.Single((await ReadAsync(api, Hour("shared") with { Tool = ids[i] })).LoadTime).Value));
        }
        Assert.Empty((await ReadAsync(api, Hour())).Fps);
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task A_field_that_came_under_another_type_is_no_part_of_a_series(InfluxApi api)
    {
        // Such data are valid in a computation alone; its boolean is stored under another name, and the numbers after it still find theirs.
        await WriteAsync(Line(Noon, """{"fps":true}""", type: "backend_computation"), Line(Noon, """{"fps":60}"""));
        Assert.Equal([new(Noon, 60)], (await ReadAsync(api, Hour())).Fps);
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Of_a_strangers_points_of_another_type_no_mean_is_made_up(InfluxApi api)
    {
        // Types differ between shards only; these are decades apart. Somebody else than the product writes here.
        var past = new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await WriteAsync("efficiency_events,event_type=performance,project_id=p,user_id=u fps=\"fast\" " + ((past - DateTime.UnixEpoch).TotalSeconds + "000000000"), Line(Noon, """{"fps":60}"""));
        Assert.Equal([new(Noon, 60)], (await ReadAsync(api, Hour())).Fps);
        var both = new PerformanceQuery("p", past, Noon.AddDays(1), TimeSpan.FromDays(1));
        Assert.Equal([new(Noon.Date, 60)], (await ReadAsync(api, both)).Fps);
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Values_whose_sum_is_beyond_all_numbers_are_no_number(InfluxApi api)
    {
        await WriteAsync(Line(Noon, """{"fps":1.7e308,"load_time":1.7e308}"""), Line(Noon, """{"fps":1.7e308}""", user: "v"));
        await WriteAsync(Line(Noon.AddMinutes(5), """{"fps":-1.7e308}"""), Line(Noon.AddMinutes(5), """{"fps":-1.7e308}""", user: "v"), Line(Noon.AddMinutes(10), """{"fps":0.1}"""));
        var series = await ReadAsync(api, Hour());
        Assert.Equal([new(Noon, null), new(Noon.AddMinutes(5), null), new(Noon.AddMinutes(10), 0.1)], series.Fps);
        Assert.Equal([new(Noon, 1.7e308)], series.LoadTime);
        Assert.Empty(series.CpuUsage);
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task A_missing_bucket_or_a_wrong_token_is_not_an_empty_series(InfluxApi api)
    {
        var settings = Settings(api);
        settings.Bucket = "missing-" + Guid.NewGuid().ToString("N");
        using (var reader = new PerformanceReader(settings))
            await Assert.ThrowsAsync<InfluxUnavailableException>(() => reader.ReadAsync(Hour(), Stop));
        if (TestServers.InfluxIsV1)
            return;
        settings = Settings(api);
        settings.Token = "wrong:wrong";
        using var stranger = new PerformanceReader(settings);
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => stranger.ReadAsync(Hour(), Stop));
    }

    /// <summary>A database of 1.x may have neither slash in its name.</summary>
    public static TheoryData<string> Buckets =>
        [.. new[] { "with a space é漢", "with%2Fan escape&rp=x", "with/a/slash", "back\\slash'quote" }.Where(name => !TestServers.InfluxIsV1 || name.AsSpan().IndexOfAny('/', '\\') < 0)];

    [Theory]
    [MemberData(nameof(Buckets))]
    public async Task Whatever_a_bucket_is_called_its_own_points_are_read(string name)
    {
        await _store.DisposeAsync();
        _store = await InfluxStore.CreateAsync($"{Guid.NewGuid():N} {name}");
        await WriteAsync(Line(Noon, """{"fps":60}"""));
        Assert.Equal([new(Noon, 60)], (await ReadAsync(TestServers.InfluxIsV1 ? InfluxApi.V1 : InfluxApi.V2, Hour())).Fps);
    }

    [Theory]
    [InlineData(InfluxApi.V2)]
    [InlineData(InfluxApi.V1)]
    public async Task A_closed_port_and_a_silent_server_are_unavailable_and_a_stop_is_a_stop(InfluxApi api)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var url = new Uri($"http://{silent.LocalEndpoint}/");
        using (var reader = new PerformanceReader(new InfluxOptions { Url = url, Api = api, QueryTimeout = TimeSpan.FromMilliseconds(300) }))
        {
            await Assert.ThrowsAsync<InfluxUnavailableException>(() => reader.ReadAsync(Hour(), Stop));
            await Assert.ThrowsAsync<InfluxUnavailableException>(() => reader.PingAsync(Stop));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAsync(Hour(), new CancellationToken(canceled: true)));
        }
        silent.Stop();
        using var closed = new PerformanceReader(new InfluxOptions { Url = url, Api = api });
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => closed.ReadAsync(Hour(), Stop));
    }
}
