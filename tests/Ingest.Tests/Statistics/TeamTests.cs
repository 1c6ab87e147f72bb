using System.Text.Json;
using Pipeline.Ingest.Tests.Host;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class TeamTests
{
    const string Quarter = "2024-01-01T00:00Z";

    /// <summary>In the byte order of UTF-8, in which the emoji is last; by UTF-16 it would stand before U+FF41.</summary>
    static readonly string[] Members = ["B", "a", "b,\"c\"", "é", "ａ", "😀"];

    [Fact]
    public async Task Members_come_page_by_page_in_byte_order_also_while_others_join()
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var user in Members)
            await StatisticsHost.StoreAsync(host, user, "paged", Quarter, user.Length, activeSlots: 36);
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = (await host.GetAsync($"/api/v1/stats/projects/paged/users?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}")).Json;
            Assert.True(page.GetProperty("known").GetBoolean());
            seen.AddRange(page.GetProperty("users").EnumerateArray().Select(u => u.GetProperty("user_id").GetString()!));
            cursor = page.GetProperty("next_cursor").GetString();
            // One before and one behind what was read.
            if (seen.Count == 2)
                foreach (var late in (string[])["A", "zz"])
                    await StatisticsHost.StoreAsync(host, late, "paged", Quarter, 1);
        }
        while (cursor is not null);
        Assert.Equal([.. Members[..3], "zz", .. Members[3..]], seen);
    }

    [Fact]
    public async Task A_members_figures_are_those_in_the_project_and_the_window()
    {
        var host = await StatisticsHost.GetAsync();
        await StatisticsHost.StoreAsync(host, "ann", "team", Quarter, 6, activeSlots: 36);
        await StatisticsHost.StoreAsync(host, "ann", "team", "2024-01-02T00:00Z", 7);
        await StatisticsHost.StoreAsync(host, "ann", "another", Quarter, 100, activeSlots: 90);
        await StatisticsHost.StoreAsync(host, "bob", "team", "2024-01-02T00:00Z", 2);
        var team = (await host.GetAsync("/api/v1/stats/projects/team/users?from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z")).Json;
        var users = team.GetProperty("users").EnumerateArray().ToList();
        Assert.Equal(["ann", "bob"], users.Select(u => u.GetProperty("user_id").GetString()));
        Assert.Equal((6, 360, 60), (users[0].GetProperty("annotations_completed").GetInt32(), users[0].GetProperty("active_time_s").GetInt32(), users[0].GetProperty("annotations_per_hour").GetInt32()));
        Assert.Equal((0, 0), (users[1].GetProperty("events").GetInt32(), users[1].GetProperty("active_time_s").GetInt32()));
        Assert.Equal("""{"from":"2024-01-01T00:00:00Z","to":"2024-01-02T00:00:00Z"}""", team.GetProperty("window").GetRawText());
        Assert.Equal(200, (await host.GetAsync(team.GetProperty("definitions").GetString()!)).Status);
        var without = (await host.GetAsync("/api/v1/stats/projects/team/users?tool=none")).Json.GetProperty("users")[0];
        Assert.Equal((0, JsonValueKind.Null), (without.GetProperty("events").GetInt32(), without.GetProperty("active_time_s").ValueKind));
    }

    [Fact]
    public async Task A_leaderboard_shares_ranks_puts_nulls_last_and_says_what_it_ranks()
    {
        var host = await StatisticsHost.GetAsync();
        foreach (var (user, annotations, slots) in ((string, int, int)[])[("a", 3, 36), ("b", 9, 36), ("c", 3, 36), ("d", 1, 36), ("e", 50, 0)])
            await StatisticsHost.StoreAsync(host, user, "ranked", Quarter, annotations, slots);
        Assert.Equal("1 e 50, 2 b 9, 3 a 3, 3 c 3, 5 d 1", await RanksAsync(host, ""));
        Assert.Equal("1 d 1, 2 a 3, 2 c 3, 4 b 9, 5 e 50", await RanksAsync(host, "?order=asc"));
        Assert.Equal("1 b 90, 2 a 30, 2 c 30, 4 d 10,  e ", await RanksAsync(host, "?metric=annotations_per_hour"));
        Assert.Equal("1 d 10, 2 a 30, 2 c 30, 4 b 90,  e ", await RanksAsync(host, "?metric=annotations_per_hour&order=asc"));
        Assert.Equal("1 e 50, 2 b 9, 3 a 3", await RanksAsync(host, "?limit=3"));
        var answer = (await host.GetAsync("/api/v1/stats/projects/ranked/leaderboard?metric=annotations_per_hour&limit=1")).Json;
        Assert.Equal(("annotations_per_hour", "1/h", "annotations_completed / (active_time_s / 3600)", "desc", 5, 4), (answer.GetProperty("metric").GetString(), answer.GetProperty("unit").GetString(),
            answer.GetProperty("formula").GetString(), answer.GetProperty("order").GetString(), answer.GetProperty("members").GetInt32(), answer.GetProperty("members_with_value").GetInt32()));
        Assert.NotEmpty(answer.GetProperty("definition").GetString()!);
    }

    [Fact]
    public async Task An_unknown_metric_is_answered_with_the_nearest_names()
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync("/api/v1/stats/projects/p/leaderboard?metric=anotations_complete");
        answer.IsProblem(400, "unknown_metric");
        Assert.Equal("metric", answer.Json.GetProperty("parameter").GetString());
        Assert.Contains("nearest are annotations_completed, ", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("users?limit=0", "limit")]
    [InlineData("users?limit=501", "limit")]
    [InlineData("users?limit=1e2", "limit")]
    [InlineData("users?cursor=x", "cursor")]
    [InlineData("users?cursor=YQ", "cursor")]
    [InlineData("users?cursor=';SELECT 1;--", "cursor")]
    [InlineData("users?cursor=bWVtYmVyCg", "cursor")]
    [InlineData("users?gap_s=29", "gap_s")]
    [InlineData("users?tool=", "tool")]
    [InlineData("leaderboard?order=up", "order")]
    [InlineData("leaderboard?limit=501", "limit")]
    [InlineData("leaderboard?metric=active_time_s&tool=brush", "metric")]
    public async Task A_wrong_parameter_is_refused_by_its_name(string path, string parameter)
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync($"/api/v1/stats/projects/p/{path}");
        answer.IsProblem(400, "invalid_parameter");
        Assert.Equal(parameter, answer.Json.GetProperty("parameter").GetString());
    }

    [Theory]
    [InlineData("'; DROP TABLE pipeline.members;--")]
    [InlineData("$1 OR true")]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("{project_id}")]
    public async Task An_id_is_nothing_but_a_text(string project)
    {
        var host = await StatisticsHost.GetAsync();
        var path = $"/api/v1/stats/projects/{Uri.EscapeDataString(project)}";
        foreach (var call in (string[])["users", "leaderboard"])
        {
            var unknown = (await host.GetAsync($"{path}/{call}")).Json;
            Assert.Equal((project, false, 0), (unknown.GetProperty("project_id").GetString(), unknown.GetProperty("known").GetBoolean(), unknown.GetProperty("users").GetArrayLength()));
        }
        await StatisticsHost.StoreAsync(host, "u", project, Quarter, 1);
        foreach (var call in (string[])["users", "leaderboard", "users/"])
        {
            var known = (await host.GetAsync($"{path}/{call}")).Json;
            Assert.Equal((project, true, "u"), (known.GetProperty("project_id").GetString(), known.GetProperty("known").GetBoolean(), known.GetProperty("users")[0].GetProperty("user_id").GetString()));
        }
    }

    static async Task<string> RanksAsync(IngestUnderTest host, string query)
    {
        var answer = await host.GetAsync($"/api/v1/stats/projects/ranked/leaderboard{query}");
        Assert.Equal((200, answer.Text), (answer.Status, answer.Text));
        return string.Join(", ", answer.Json.GetProperty("users").EnumerateArray().Select(u => $"{u.GetProperty("rank")} {u.GetProperty("user_id")} {u.GetProperty("value")}"));
    }
}
