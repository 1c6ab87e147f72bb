using System.Text;
using Pipeline.Contracts.Analysis;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Schedules;

namespace Pipeline.Processors.Tests.Analysis.Schedules;

public sealed class ScheduleFileTests
{
    const string Good = """
        - name: speed
          algorithm: anomaly_detection
          parameters: { method: mad, threshold: 2.5, missing: skip, flags: [true, null, "7", 7, .5e999, NaN] }
          cron: "20 4 * * *"
          input:
            metric: annotations_per_hour
            bucket: day
            window: 90d
            each: user
            least_days: 10
          points: { rows: [scores] }
        """;

    static IReadOnlyList<Schedule> Read(string text)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            return ScheduleFile.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_schedule_is_a_request_of_the_contract_the_same_from_whoever_makes_it()
    {
        var schedule = Assert.Single(Read(Good));
        var due = new DateTime(2026, 11, 22, 4, 20, 0, DateTimeKind.Utc);
        var (task, bytes) = schedule.Request(due, "p", "anna");
        Assert.Null(AnalysisRequestReader.Read(bytes, out var request));
        Assert.Equal((task.Key.RequestId, "anomaly_detection", AnalysisPriority.Low, 300_000), (request!.RequestId, request.Algorithm, request.Priority, request.Options.TimeoutMs));
        Assert.Equal("""{"method":"mad","threshold":2.5,"missing":"skip","flags":[true,null,"7",7,".5e999","NaN"]}""", request.Parameters!.Value.GetRawText());
        // Whole days: 90 of them, until the last midnight.
        var midnight = new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal(new EventsInput("annotations_per_hour", "p", "anna", midnight.AddDays(-90), midnight, "day"), request.Input);
        Assert.Equal(bytes, Read(Good).Single().Request(due, "p", "anna").Request);
        Assert.DoesNotContain("anna", task.Key.RequestId, StringComparison.Ordinal);
        Assert.Equal(4, new[] { ("p", "anna"), ("p", "bert"), ("q", "anna"), ("p", null) }.Select(w => schedule.Request(due, w.Item1, w.Item2).Task.Key).Distinct().Count());
        Assert.NotEqual(task.Key, schedule.Request(due.AddDays(1), "p", "anna").Task.Key);
        Assert.InRange(task.Key.RequestId.Length, 1, AnalysisLimits.RequestIdCharactersMax);
        Assert.Empty(Read(""));
    }

    [Fact]
    public void Weeks_begin_on_monday_and_hours_at_the_full_hour()
    {
        DateTime To(string bucket) => Read(Good.Replace("bucket: day", $"bucket: {bucket}", StringComparison.Ordinal)).Single().Window(new DateTime(2026, 11, 22, 4, 20, 0, DateTimeKind.Utc)).To;
        Assert.Equal(new DateTime(2026, 11, 16), To("week"));
        Assert.Equal(new DateTime(2026, 11, 22, 4, 0, 0), To("hour"));
    }

    [Theory]
    [InlineData("algorithm: anomaly_detection", "algorythm: x", "line 2", "algorythm")]
    [InlineData("  algorithm: anomaly_detection\n", "", "line 1", "algorithm is required")]
    [InlineData("20 4 * * *", "20 4 * *", "line 4", "five")]
    [InlineData("window: 90d", "window: 90", "line 8", "days or hours")]
    [InlineData("window: 90d", "windows: 90d", "line 8", "windows")]
    [InlineData("each: user", "each: team", "line 9", "project or user")]
    [InlineData("    each: user\n    least_days: 10\n", "", "line 6", "required")]
    [InlineData("each: user", "each: user\n    user_id: u", "line 10", "exclude")]
    [InlineData("least_days: 10", "least_users: 10", "line 10", "each: project")]
    [InlineData("least_days: 10", "least_days: ten", "line 10", "whole number")]
    [InlineData("bucket: day", "bucket: month", "line 7", "hour, day or week")]
    [InlineData("rows: [scores]", "rows: scores", "line 11", "list")]
    [InlineData("rows: [scores]", "columns: [scores]", "line 11", "columns")]
    [InlineData("{ method: mad,", "{ method: mad, {", "", "no YAML")]
    [InlineData("- name: speed", "- name: \"speed", "line", "")]
    [InlineData("- name: speed", "- name: sp/eed", "line 1", "letters")]
    [InlineData("metric: annotations_per_hour", "metric: user_features", "line 6", "each: project")]
    [InlineData("metric: annotations_per_hour", "metric: durations", "line 7", "no bucket")]
    [InlineData("window: 90d", "window: 12h", "line 8", "1 to 10000 buckets")]
    [InlineData("bucket: day\n    window: 90d", "bucket: hour\n    window: 417d", "line 8", "1 to 10000 buckets")]
    [InlineData("points:", "priority: urgent\n  points:", "line 11", "high, normal or low")]
    [InlineData("points:", "timeout_seconds: 0\n  points:", "line 11", "86400")]
    public void What_is_wrong_is_told_with_its_line(string part, string wrong, string line, string text)
    {
        Assert.Contains(part.Replace("\\n", "\n", StringComparison.Ordinal), Good, StringComparison.Ordinal);
        var message = Assert.Throws<ScheduleException>(() => Read(Good.Replace(part, wrong, StringComparison.Ordinal))).Message;
        Assert.Contains(line, message, StringComparison.Ordinal);
        Assert.Contains(text, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_of_one_name_no_list_and_no_file_are_told()
    {
        Assert.Contains("two schedules are named speed", Assert.Throws<ScheduleException>(() => Read($"{Good}\n{Good}")).Message, StringComparison.Ordinal);
        Assert.Contains("a list", Assert.Throws<ScheduleException>(() => Read("name: x")).Message, StringComparison.Ordinal);
        Assert.Contains("a mapping", Assert.Throws<ScheduleException>(() => Read("- x")).Message, StringComparison.Ordinal);
        Assert.Contains("nowhere.yaml", ScheduleFile.Problem("/nowhere/nowhere.yaml"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_shipped_examples_can_be_read()
    {
        var shipped = ScheduleFile.Read(Path.Combine(TestServers.Repository, "src", "Processors", "schedules.yaml"));
        Assert.Equal([("throughput-forecast", "arima"), ("unusual-days", "anomaly_detection"), ("work-styles", "kmeans")], shipped.Select(s => (s.Name, s.Algorithm)));
    }
}
