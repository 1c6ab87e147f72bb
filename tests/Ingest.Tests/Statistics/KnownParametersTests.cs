namespace Pipeline.Ingest.Tests.Statistics;

public sealed class KnownParametersTests
{
    [Theory]
    [InlineData("events/stats/u?form=2024-01-01T00:00:00Z", "form", "from")]
    [InlineData("events/stats/u?from=2024-01-01T00:00:00Z&projectid=p", "projectid", "project_id")]
    [InlineData("stats/projects/p?annotationtype=box", "annotationtype", "annotation_type")]
    [InlineData("stats/projects/p/users?limits=5", "limits", "limit")]
    [InlineData("stats/projects/p/leaderboard?metrics=events", "metrics", "metric")]
    [InlineData("stats/export?formt=json", "formt", "format")]
    [InlineData("stats/quality?project=p", "project", "project_id")]
    [InlineData("events/raw-stats/u?too=2024-01-01T00:00:00Z", "too", "to")]
    [InlineData("events/analysis/comparison/u?gap=60", "gap", "gap_s")]
    [InlineData("events/analysis/efficiency-trends/u?timezone=UTC", "timezone", null)]
    [InlineData("events/performance/p?ranges=1h", "ranges", "range")]
    public async Task A_parameter_that_a_call_does_not_know_is_refused_by_its_name_with_what_was_meant(string call, string name, string? meant)
    {
        var answer = await (await StatisticsHost.GetAsync()).GetAsync($"/api/v1/{call}");
        answer.IsProblem(400, "invalid_parameter");
        Assert.Equal(name, answer.Json.GetProperty("parameter").GetString());
        var detail = answer.Json.GetProperty("detail").GetString()!;
        Assert.StartsWith($"{name} is no parameter of this call; the nearest are ", detail, StringComparison.Ordinal);
        if (meant is not null)
            Assert.StartsWith(meant, detail[(detail.IndexOf(" are ", StringComparison.Ordinal) + 5)..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_without_parameters_says_that_it_has_none_and_a_long_name_is_not_echoed_whole()
    {
        var host = await StatisticsHost.GetAsync();
        Assert.EndsWith("it has none.", (await host.GetAsync("/api/v1/metrics/definitions?x=1")).Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        var answer = await host.GetAsync($"/api/v1/stats/quality?{Uri.EscapeDataString(new string('a', 63) + "😀" + new string('b', 500))}=1");
        answer.IsProblem(400, "invalid_parameter");
        Assert.Equal(new string('a', 63), answer.Json.GetProperty("parameter").GetString());
    }

    [Fact]
    public async Task Known_parameters_are_known_in_any_case() =>
        Assert.Equal(200, (await (await StatisticsHost.GetAsync()).GetAsync("/api/v1/events/stats/u?From=2024-01-01T00:00:00Z&PROJECT_ID=p")).Status);
}
