using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;
using static Pipeline.Sinks.Tests.Influx.Points;

namespace Pipeline.Sinks.Tests.Influx;

/// <summary>Against the real server, by every API that it has: InfluxDB 2 answers both, and deletes by both.</summary>
public sealed class InfluxErasureTests : IAsyncLifetime
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    static readonly DateTime Noon = new(2024, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>The calendar of InfluxDB's nanoseconds, as the processors ask for a whole user.</summary>
    static readonly DateTime First = new(1700, 1, 1, 0, 0, 0, DateTimeKind.Utc), Last = new(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>What somebody would write who means to delete or count more than their own, in Flux, in InfluxQL, in the grammar of a delete's predicate, in SQL; and what a writer of any of them forgets.</summary>
    static readonly string[] Ids =
    [
        "\"; drop", "' OR 1=1 --", "\" OR \"\"=\"", "x\" OR user_id!=\"", "x\" AND project_id=\"p", "u\\\" OR user_id!=\"", "x' OR \"user_id\" != '", "'; DROP MEASUREMENT efficiency_events; --",
        "u; DROP DATABASE \"efficiency_events\"", "\") |> drop() //", "x\" or true or r.project_id == \"", "${user}", "#{user}", "$user_id", "$since", "user_id", "\"user_id\"", "_measurement", "/.*/", ".*", "%", "*", "{}", "[]",
        "\\", "\\\\", "a\\", "a\\\\", "\\\"", "\\\\\"", "\\'", "'", "''", "\"", "\"\"", "a\\nb", "a\\tb", "\\u0022", "\\x22", "&quot;", "%22", "+", "a+b", "a&q=DROP", "a,b=c d", "a=b", "#", "-- ", "/*", " u", "u ", "u",
        "true", "null", "NaN", "1", "now()", "2024-05-01T12:00:00Z", "é漢😀", "e\u0301", "\u00e9", "\u0085\u2028", "\ufeffu", "\u202eu", new('\'', 128), new('"', 128), new('\\', 127), new('ß', 128), "other",
    ];

    InfluxStore _store = null!;

    public static TheoryData<InfluxApi> Apis => TestServers.InfluxIsV1 ? [InfluxApi.V1] : [InfluxApi.V2, InfluxApi.V1];

    public async ValueTask InitializeAsync() => _store = await InfluxStore.CreateAsync($"erasure-{Guid.NewGuid():N}");

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

    static string Line(DateTime time, string user, string project = "p") => LineOf(Event("""{"fps":60}""", user, project, timestamp: time.ToString("O"), type: "performance"), id: Guid.NewGuid());

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task Of_users_with_hostile_ids_one_after_the_other_goes_and_nobody_else(InfluxApi api)
    {
        Assert.Equal(Ids.Length, Ids.Distinct(StringComparer.Ordinal).Count());
        // Two points each: one in a project of its own name, so that a project is hostile as well.
        await WriteAsync([.. Ids.SelectMany(id => new[] { Line(Noon, id), Line(Noon.AddMinutes(1), id, id) })]);
        using var erasure = new InfluxErasure(Settings(api));
        var left = Ids.ToDictionary(AsTag, _ => 2L, StringComparer.Ordinal);
        Assert.Equal(left, await CountsAsync());
        foreach (var id in Ids)
        {
            Assert.Equal((id, 2), (id, await erasure.CountAsync(id, First, Last, Stop)));
            await erasure.DeleteAsync(id, First, Last, Stop);
            left.Remove(AsTag(id));
            Assert.Equal(left, await CountsAsync());
            Assert.Equal((id, 0), (id, await erasure.CountAsync(id, First, Last, Stop)));
        }
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task A_range_ends_before_its_end_and_a_user_of_whom_nothing_is_there_is_no_failure(InfluxApi api)
    {
        await WriteAsync(Line(Noon.AddMilliseconds(-1), "u"), Line(Noon, "u"), Line(Noon.AddMinutes(14), "u"), Line(Noon.AddMinutes(15), "u"), Line(Noon, "v"));
        using var erasure = new InfluxErasure(Settings(api));
        Assert.Equal(2, await erasure.CountAsync("u", Noon, Noon.AddMinutes(15), Stop));
        await erasure.DeleteAsync("u", Noon, Noon.AddMinutes(15), Stop);
        await erasure.DeleteAsync("nobody", First, Last, Stop);
        Assert.Equal((2, 0), (await erasure.CountAsync("u", First, Last, Stop), await erasure.CountAsync("nobody", First, Last, Stop)));
        Assert.Equal(new Dictionary<string, long> { ["u"] = 2, ["v"] = 1 }, await CountsAsync());
    }

    [Theory]
    [MemberData(nameof(Apis))]
    public async Task What_was_not_deleted_is_a_failure_and_never_a_silence(InfluxApi api)
    {
        var settings = Settings(api);
        settings.Bucket = "missing-" + Guid.NewGuid().ToString("N");
        using var erasure = new InfluxErasure(settings);
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => erasure.DeleteAsync("u", First, Last, Stop));
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => erasure.CountAsync("u", First, Last, Stop));
    }

    async Task<Dictionary<string, long>> CountsAsync() => new(await _store.CountsAsync("user_id"), StringComparer.Ordinal);

    /// <summary>Line protocol has no way to end a tag in a backslash: a space is put behind it, as documented.</summary>
    static string AsTag(string id) => id.EndsWith('\\') ? id + " " : id;
}
