using System.Collections.Concurrent;
using System.Text.Json;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>
/// The whole real trace through topic, processors, PostgreSQL and API against the oracle: every figure of all users, all projects and all users of all projects, in three windows by the
/// clocks of two zones.
/// </summary>
public sealed class RealTraceTests
{
    const int Clients = 3, DifferencesShown = 20;

    readonly ConcurrentBag<string> _differences = [];
    int _compared;

    /// <summary>A window with the buckets that a series of it has.</summary>
    sealed record Asked(Window Window, BucketSize? Size, TimeZoneInfo Zone)
    {
        public string Text => $"from={Window.From:yyyy-MM-ddTHH:mm:ss}Z&to={Window.To:yyyy-MM-ddTHH:mm:ss}Z";

        public string SeriesText => Size is null ? Text : $"{Text}&bucket={Size.ToString()!.ToLowerInvariant()}&tz={Uri.EscapeDataString(Zone.Id)}";
    }

    [Fact]
    public async Task Every_figure_of_everybody_in_the_real_trace_is_what_the_definitions_say()
    {
        if (TestServers.WholeTrace is null || TestServers.IsEmbedded)
            TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_TRACE names no file, or the embedded broker could not hold it: its excerpt of {RealEvents.Whole.Count} events stands in for it.");
        await using var pipeline = await PipelineUnderTest.CreateAsync();
        await pipeline.StartProcessorsAsync(("Pipeline__Processors__DaysInterval", "00:00:20"));
        await pipeline.Topic.PublishAsync(Load.Records(RealEvents.Whole, 1, pipeline.Topic.Partitions, Seeds.Next()));
        var oracle = MetricsOracle.Of(RealEvents.Whole.Select(e => new TraceEvent(e.Bytes, DateTimeOffset.UtcNow)));
        var ingest = await pipeline.StartIngestAsync();
        await pipeline.StoredToTheEndAsync();
        await pipeline.DaysAddedUpAsync();
        var asked = Questions();
        var (users, projects) = (oracle.Users, oracle.Projects);
        await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (user, _) => await CompareUserAsync(ingest, oracle, user, asked));
        await Parallel.ForEachAsync(projects, new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (project, _) =>
        {
            await CompareProjectAsync(ingest, oracle, project, asked);
            await CompareMembersAsync(ingest, oracle, project, asked);
        });
        TestContext.Current.TestOutputHelper!.WriteLine($"{users.Count} users, {projects.Count} projects, {_compared} answers and rows compared");
        Assert.True(_differences.IsEmpty, $"{_differences.Count} differences, such as\n{string.Join('\n', _differences.Order().Take(DifferencesShown))}");
        Assert.True(_compared > asked.Count * (users.Count + projects.Count), $"only {_compared} compared");
    }

    /// <summary>Whole days that hold all of it, its busiest year by weeks, and the busiest month of that by days, between midnights of each zone.</summary>
    static List<Asked> Questions()
    {
        var asked = new List<Asked>();
        foreach (var zone in (TimeZoneInfo[])[TimeZoneInfo.Utc, TimeZoneInfo.FindSystemTimeZoneById("Asia/Kathmandu")])
        {
            var days = RealEvents.Whole.Select(e => TimeZoneInfo.ConvertTimeFromUtc(e.Timestamp, zone).Date).ToList();
            var year = new DateTime(days.GroupBy(d => d.Year).MaxBy(g => g.Count())!.Key, 1, 1);
            var month = new DateTime(year.Year, days.Where(d => d.Year == year.Year).GroupBy(d => d.Month).MaxBy(g => g.Count())!.Key, 1);
            Window Between(DateTime from, DateTime to) => new(TimeZoneInfo.ConvertTimeToUtc(from, zone), TimeZoneInfo.ConvertTimeToUtc(to, zone));
            // An event reaches half an hour back behind its day.
            asked.Add(new(Between(days.Min().AddDays(-1), days.Max().AddDays(1)), null, zone));
            asked.Add(new(Between(year, year.AddYears(1)), BucketSize.Week, zone));
            asked.Add(new(Between(month, month.AddMonths(1)), BucketSize.Day, zone));
        }
        return asked;
    }

    async Task CompareUserAsync(HostProcess ingest, MetricsOracle oracle, string user, List<Asked> asked)
    {
        var reckoning = oracle.Reckon(new Question { User = user });
        foreach (var question in asked)
        {
            var answer = await AskAsync(ingest, $"events/stats/{Uri.EscapeDataString(user)}?{question.Text}");
            Compare($"user {user} {question}", reckoning.In(question.Window), answer);
            var told = answer.GetProperty("projects").EnumerateArray().Select(p => new ProjectRow(p.GetProperty("project_id").GetString()!, p.GetProperty("total_annotations").GetInt64(),
                p.GetProperty("total_time").GetDecimal(), p.GetProperty("avg_annotation_time").GetDecimal(), p.GetProperty("last_activity").GetDateTimeOffset()));
            if (!oracle.ProjectsOf(user, question.Window).Select(Rounded).SequenceEqual(told.Select(Rounded)))
                _differences.Add($"user {user} {question}: the projects are others");
        }
    }

    /// <summary>Means as near as float64 gives them.</summary>
    static ProjectRow Rounded(ProjectRow row) => row with { TotalTime = decimal.Round(row.TotalTime, 3), AvgAnnotationTime = decimal.Round(row.AvgAnnotationTime, 3) };

    async Task CompareProjectAsync(HostProcess ingest, MetricsOracle oracle, string project, List<Asked> asked)
    {
        var reckoning = oracle.Reckon(new Question { Projects = [project] });
        foreach (var question in asked)
        {
            var answer = await AskAsync(ingest, $"stats/projects/{Uri.EscapeDataString(project)}?{question.SeriesText}");
            Compare($"project {project} {question}", reckoning.In(question.Window), answer);
            if (question.Size is not { } size)
                continue;
            var (series, expected) = (answer.GetProperty("series").EnumerateArray().ToList(), reckoning.Series(question.Window, size, question.Zone));
            if (!expected.Select(b => b.Window.From).SequenceEqual(series.Select(b => (DateTimeOffset?)b.GetProperty("start").GetDateTimeOffset())))
                _differences.Add($"project {project} {question}: the buckets are others");
            foreach (var (bucket, told) in expected.Zip(series))
                Compare($"project {project} {bucket.Window}", bucket.Figures, told);
        }
    }

    /// <summary>Rows of the export: one for each user and bucket in which anything happened.</summary>
    async Task CompareMembersAsync(HostProcess ingest, MetricsOracle oracle, string project, List<Asked> asked)
    {
        var members = oracle.MembersOf(project).Select(u => (User: u, Reckoning: oracle.Reckon(new Question { User = u, Projects = [project] }))).ToList();
        foreach (var question in asked)
        {
            var rows = (await AskAsync(ingest, $"stats/export?format=json&project_id={Uri.EscapeDataString(project)}&{question.SeriesText}")).EnumerateArray().ToList();
            var expected = members.SelectMany(m => RowsOf(m.Reckoning, question).Select(r => (m.User, r.Window, r.Figures))).ToList();
            if (!expected.Select(e => (e.User, e.Window.From!.Value)).SequenceEqual(rows.Select(r => (r.GetProperty("user_id").GetString()!, r.GetProperty("start").GetDateTimeOffset()))))
                _differences.Add($"members of {project} {question}: the rows are others");
            foreach (var (row, told) in expected.Zip(rows))
                Compare($"user {row.User} in {project} {row.Window}", row.Figures, told);
        }
    }

    static IEnumerable<(Window Window, Figures Figures)> RowsOf(Reckoning member, Asked asked)
    {
        IEnumerable<(Window Window, Figures Figures)> whole = [(asked.Window, member.In(asked.Window))];
        // A bucket in which anything happened makes a window in which anything happened.
        var rows = asked.Size is { } size && whole.Any(Happened) ? member.Series(asked.Window, size, asked.Zone).Select(b => (b.Window, b.Figures)) : whole;
        return rows.Where(Happened);
    }

    static bool Happened((Window Window, Figures Figures) row) => row.Figures.Events > 0 || row.Figures.SessionTimeS > 0;

    void Compare(string what, Figures expected, JsonElement told)
    {
        Interlocked.Increment(ref _compared);
        foreach (var difference in expected.DifferencesTo(told))
            _differences.Add($"{what}: {difference}");
        if (told.GetProperty("idle_time_s").GetInt64() < 0)
            _differences.Add($"{what}: idle_time_s is {told.GetProperty("idle_time_s")}");
    }

    static async Task<JsonElement> AskAsync(HostProcess ingest, string path)
    {
        using var answer = await PipelineUnderTest.Http.GetAsync(new Uri(ingest.Url, "api/v1/" + path));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
