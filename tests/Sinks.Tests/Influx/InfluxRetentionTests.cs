using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Influx;

namespace Pipeline.Sinks.Tests.Influx;

public sealed class InfluxRetentionTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_bucket_keeps_points_as_long_as_it_is_told_and_shards_that_are_too_long_become_shorter()
    {
        // Its shards are of twenty years.
        await using var store = await InfluxStore.CreateAsync($"retention_{Guid.NewGuid():N}");
        using var retention = new InfluxRetention(Settings(store));
        foreach (var days in (int[])[90, 365, 1])
            Assert.Equal(new PointRetention(TimeSpan.FromDays(days), null), await retention.EnsureAsync(TimeSpan.FromDays(days), Stop));
        Assert.Equal(new PointRetention(TimeSpan.FromDays(1), null), await retention.EnsureAsync(TimeSpan.FromDays(1), Stop));
    }

    [Fact]
    public async Task Points_that_are_older_are_left_out_and_the_others_of_their_write_are_stored()
    {
        await using var store = await InfluxStore.CreateAsync($"retention_{Guid.NewGuid():N}");
        using var retention = new InfluxRetention(Settings(store));
        Assert.Null((await retention.EnsureAsync(TimeSpan.FromDays(30), Stop)).Problem);
        using var writer = new InfluxWriter(Settings(store));
        var now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        var old = now - (60L * 24 * 3600 * 1_000_000_000);
        var mixed = Encoding.UTF8.GetBytes($"efficiency_events,user_id=u count=1i {old}\nefficiency_events,user_id=u count=1i {now}\nefficiency_events,user_id=u count=1i {old + 1}");
        // 1.x says the same of a write with lines that it could not read: it is sent again, fewer lines at a time.
        if (store.IsV1)
            await Assert.ThrowsAsync<InfluxRefusedException>(() => writer.WriteAsync(mixed, Stop));
        else
            Assert.Equal(2, await writer.WriteAsync(mixed, Stop));
        Assert.Equal(1, await writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u count=1i {old}"), Stop));
        Assert.Equal(0, await writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u count=1i {now + 1}"), Stop));
        Assert.Equal(2, await store.PointsAsync());
        // What the data is at fault for stays so.
        await Assert.ThrowsAsync<InfluxRefusedException>(() => writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u count=1i {old}\nefficiency_events,user_id=u count=1.5 {now + 2}"), Stop));
    }

    [Theory]
    [InlineData("beyond retention policy dropped=0")]
    [InlineData("partial write: points beyond retention policy dropped=1")]
    [InlineData("dropped 1 points outside retention policy")]
    public async Task What_a_sender_writes_is_never_taken_for_what_InfluxDB_says(string text)
    {
        await using var store = await InfluxStore.CreateAsync($"retention_{Guid.NewGuid():N}");
        using var writer = new InfluxWriter(Settings(store));
        // The answer quotes the line, whose time is no time.
        await Assert.ThrowsAsync<InfluxRefusedException>(() => writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u action=\"{text}\",count=1i 99999999999999999999"), Stop));
        // Or it quotes the name of a field that has two types.
        var name = text.Replace(" ", "\\ ", StringComparison.Ordinal).Replace("=", "\\=", StringComparison.Ordinal);
        var now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        Assert.Equal(0, await writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u {name}=1 {now}"), Stop));
        await Assert.ThrowsAsync<InfluxRefusedException>(() => writer.WriteAsync(Encoding.UTF8.GetBytes($"efficiency_events,user_id=u {name}=true {now + 1}"), Stop));
    }

    [Fact]
    public async Task A_right_or_a_bucket_that_is_missing_is_told_and_not_thrown()
    {
        if (TestServers.InfluxIsV1)
            Assert.Skip("InfluxDB 1.x without authorisation refuses nobody.");
        var settings = new InfluxOptions { Url = TestServers.InfluxUrl, Token = "wrong", Org = TestServers.InfluxOrg };
        using var stranger = new InfluxRetention(settings);
        var refused = await stranger.EnsureAsync(TimeSpan.FromDays(30), Stop);
        Assert.Null(refused.InForce);
        Assert.StartsWith("401", refused.Problem, StringComparison.Ordinal);
        settings = new InfluxOptions { Url = TestServers.InfluxUrl, Token = TestServers.InfluxToken, Org = TestServers.InfluxOrg, Bucket = "missing" };
        using var none = new InfluxRetention(settings);
        Assert.StartsWith("404", (await none.EnsureAsync(TimeSpan.FromDays(30), Stop)).Problem, StringComparison.Ordinal);
        using var away = new InfluxRetention(new InfluxOptions { Url = new Uri("http://127.0.0.1:1") });
        await Assert.ThrowsAsync<InfluxUnavailableException>(() => away.EnsureAsync(TimeSpan.FromDays(30), Stop));
    }

    /// <summary>InfluxDB 2 answers to the statements of v1 too, with policies that keep points for ever whatever their bucket does, and not to the one that changes them.</summary>
    [Fact]
    public async Task By_v1_a_policy_that_cannot_be_changed_is_told()
    {
        if (TestServers.InfluxIsV1)
            Assert.Skip("Here the statement works: the other tests ran by it.");
        await using var store = await InfluxStore.CreateAsync($"retention_{Guid.NewGuid():N}");
        var settings = Settings(store);
        settings.Api = InfluxApi.V1;
        settings.Token = $"any:{store.Token}";
        using var retention = new InfluxRetention(settings);
        var refused = await retention.EnsureAsync(TimeSpan.FromDays(60), Stop);
        Assert.Null(refused.InForce);
        Assert.Contains("ALTER RETENTION POLICY", refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_statement_names_policy_and_database_as_identifiers()
    {
        Assert.Equal("ALTER RETENTION POLICY \"autogen\" ON \"a\\\"b\" DURATION 2592000s", InfluxRetention.AlterStatement("a\"b", "autogen", TimeSpan.FromDays(30), null));
        Assert.Equal("ALTER RETENTION POLICY \"p\\\\q\" ON \"d\" DURATION 3600s SHARD DURATION 3600s", InfluxRetention.AlterStatement("d", "p\\q", TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
    }

    [Theory]
    [InlineData("0s", 0)]
    [InlineData("168h0m0s", 168 * 3600)]
    [InlineData("1h30m5s", 5405)]
    public void Durations_are_read_as_v1_writes_them(string text, int seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), InfluxRetention.Duration(text));

    [Fact]
    public void A_text_that_is_no_duration_is_told() => Assert.Throws<InfluxUnavailableException>(() => InfluxRetention.Duration("soon"));

    static InfluxOptions Settings(InfluxStore store) => new()
    {
        Url = store.Url,
        Api = store.IsV1 ? InfluxApi.V1 : InfluxApi.V2,
        Token = store.Token,
        Org = TestServers.InfluxOrg.Length > 0 ? TestServers.InfluxOrg : "pipeline",
        Bucket = store.Bucket,
    };
}
