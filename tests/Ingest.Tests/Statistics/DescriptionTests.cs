using System.Text.Json;

namespace Pipeline.Ingest.Tests.Statistics;

public sealed class DescriptionTests
{
    [Fact]
    public async Task Every_call_of_statistics_is_described_with_its_parameters_and_answers()
    {
        var description = (await (await StatisticsHost.GetAsync()).GetAsync("/openapi/v1.json")).Json;
        var paths = description.GetProperty("paths").EnumerateObject().Where(p => p.Value.TryGetProperty("get", out _) && (p.Name.Contains("stats/", StringComparison.Ordinal) || p.Name.Contains("/analysis/", StringComparison.Ordinal))).ToList();
        Assert.Superset(new HashSet<string>
        {
            "/api/v1/events/stats/{user_id}", "/api/v1/stats/projects/{project_id}", "/api/v1/stats/projects/{project_id}/users", "/api/v1/stats/projects/{project_id}/leaderboard", "/api/v1/stats/export",
            "/api/v1/stats/quality", "/api/v1/events/raw-stats/{user_id}", "/api/v1/events/analysis/user-behavior/{user_id}", "/api/v1/events/analysis/comparison/{user_id}",
        }, paths.Select(p => p.Name).ToHashSet());
        foreach (var path in paths)
        {
            var call = path.Value.GetProperty("get");
            Assert.NotEmpty(call.GetProperty("summary").GetString()!);
            Assert.True(call.GetProperty("responses").GetProperty("200").GetProperty("content").EnumerateObject().First().Value.TryGetProperty("schema", out _), path.Name);
            Assert.True(call.GetProperty("responses").TryGetProperty("400", out _), path.Name);
            foreach (var parameter in call.GetProperty("parameters").EnumerateArray().Where(p => p.GetProperty("in").GetString() == "query"))
                Assert.True(parameter.TryGetProperty("description", out var text) && text.ValueKind == JsonValueKind.String, $"{path.Name} {parameter.GetProperty("name")}");
        }
    }
}
