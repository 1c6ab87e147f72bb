using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Oracle;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Metrics;

/// <summary>The product against the oracle, which shares no code with it.</summary>
public sealed class AgreementTests
{
    const int Partitions = 3, Traces = 4;

    static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    internal static int Seed => int.TryParse(Environment.GetEnvironmentVariable("PIPELINE_TEST_SEED"), out var seed) ? seed : 20261121;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(Seed, Traces)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Any_order_split_and_repetition_of_a_trace_gives_the_figures_of_the_definitions(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        var oracle = MetricsOracle.Of(trace);
        await using var store = await MetricsStore.CreateAsync();
        // Shuffled once more, some a second time, over partitions and batches of chance.
        var sent = trace.Concat(trace.Where(_ => random.Next(8) == 0)).ToArray();
        random.Shuffle(sent);
        await store.WriteAsync(sent, _ => random.Next(Partitions), () => random.Next(1, 60));
        await AssertAgreesAsync(store.Reader, oracle, random);
    }

    [Fact]
    public async Task Partitions_that_write_the_same_objects_at_the_same_time_agree_with_the_definitions()
    {
        var random = new Random(Seed);
        var trace = Oracle.Traces.Of(Seed, 900);
        await using var store = await MetricsStore.CreateAsync();
        var parts = trace.GroupBy(_ => random.Next(Partitions)).Select(p => (p.Key, Events: p.ToList(), Random: new Random(random.Next()))).ToList();
        var writers = await Task.WhenAll(parts.Select(p => store.OwnerAsync(p.Key)));
        await Task.WhenAll(parts.Select((p, i) => MetricsStore.WriteAsync(writers[i], p.Key, p.Events, () => p.Random.Next(1, 25))));
        await AssertAgreesAsync(store.Reader, MetricsOracle.Of(trace), random);
    }

    /// <summary>In the order of the trace: of two copies the first one committed tells when it was received.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task How_events_came_is_what_the_definitions_say(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        var oracle = MetricsOracle.Of(trace);
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync(trace, _ => 0, () => random.Next(1, 60));
        var reader = new QualityReader(store.Pool);
        foreach (var project in oracle.Projects.Append(null))
        {
            var buckets = oracle.QualityByReceipt(project);
            var middle = buckets[buckets.Count / 2].Bucket;
            foreach (var window in (Window[])[Window.Open, new(null, middle), new(middle.AddHours(-3), middle.AddHours(1))])
                await CompareAsync(reader, project, window, oracle.Quality(project, window));
            foreach (var (bucket, quality) in buckets.OrderBy(_ => random.Next()).Take(20))
                await CompareAsync(reader, project, new Window(bucket, bucket.AddMinutes(15)), quality);
        }
    }

    /// <summary>Members page by page, patterns by tool, and the rhythm: what the calls of teams, exports and analyses read.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Members_tools_and_hours_add_up_to_the_definitions(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        var oracle = MetricsOracle.Of(trace);
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync(trace, _ => random.Next(Partitions), () => random.Next(1, 60));
        var stop = TestContext.Current.CancellationToken;
        var reader = new MemberReader(store.Pool);
        var all = new List<Member>();
        for (Member? after = null; ; after = all[^1])
        {
            var page = await reader.ReadAsync(Topics.DefaultTenant, null, null, after, 3, stop);
            all.AddRange(page);
            if (page.Count < 3)
                break;
        }
        Assert.Equal(oracle.Projects.SelectMany(p => oracle.UsersOf(p).Select(u => (p, u.User))), all.Select(m => (m.ProjectId, m.UserId)));
        foreach (var user in oracle.Users)
        {
            Assert.Equal(all.Where(m => m.UserId == user), await reader.ReadAsync(Topics.DefaultTenant, null, user, null, 100, stop));
            var query = new MetricsQuery(Topics.DefaultTenant, user, null);
            var tools = await store.Reader.ReadAsync(query with { Split = MetricsSplit.Tool }, stop);
            foreach (var tool in oracle.Tools)
                Assert.Empty(oracle.User(user, new Question { Tool = tool }).DifferencesTo(JsonSerializer.SerializeToElement(tools.FiguresAt(tool, 0), Json)));
            var types = await store.Reader.ReadAsync(query with { Split = MetricsSplit.AnnotationType }, stop);
            foreach (var type in oracle.AnnotationTypes)
                Assert.Empty(oracle.User(user, new Question { AnnotationType = type }).DifferencesTo(JsonSerializer.SerializeToElement(types.FiguresAt(type, 0), Json)));
            foreach (var zone in Oracle.Traces.Zones.Select(TimeZoneInfo.FindSystemTimeZoneById))
                await CompareRhythmAsync(store, oracle, query, zone);
            var raw = await new RawCountsReader(store.Pool).ReadAsync(query, stop);
            foreach (var by in raw.GroupBy(r => r.By).Where(g => g.Key != RawCountsBy.AnnotationType))
                Assert.Equal(oracle.User(user).Events, by.Sum(r => r.Events));
            Assert.Equal(oracle.User(user).TotalAnnotations, raw.Where(r => r.By == RawCountsBy.AnnotationType).Sum(r => r.Events));
        }
    }

    /// <summary>The oracle's series by hour, folded by the clocks of the zone.</summary>
    static async Task CompareRhythmAsync(MetricsStore store, MetricsOracle oracle, MetricsQuery query, TimeZoneInfo zone)
    {
        var rhythm = await new RhythmReader(store.Pool).ReadAsync(query, zone, TestContext.Current.CancellationToken);
        var hours = oracle.Series(new Question { User = query.UserId }, BucketSize.Hour, zone).Select(b => (Local: TimeZoneInfo.ConvertTime(b.Window.From!.Value, zone), b.Figures)).ToList();
        foreach (var (hour, sums) in rhythm.Hours.Index())
        {
            var expected = hours.Where(h => h.Local.Hour == hour).Select(h => h.Figures).ToList();
            Assert.Equal((expected.Sum(f => f.ActiveTimeS), expected.Sum(f => f.TotalAnnotations), expected.Sum(f => f.AnnotationsCompleted)), (sums.ActiveSlots * 10, sums.Annotations, sums.Completed));
        }
        foreach (var (day, sums) in rhythm.Weekdays.Index())
            Assert.Equal(hours.Where(h => ((int)h.Local.DayOfWeek + 6) % 7 == day).Sum(h => h.Figures.ActiveTimeS), sums.ActiveSlots * 10);
        Assert.Equal(hours.Where(h => h.Figures.ActiveTimeS > 0).Select(h => h.Local.Date).Distinct().Count(), rhythm.ActiveDays);
    }

    static async Task CompareAsync(QualityReader reader, string? project, Window window, Quality expected)
    {
        var query = new MetricsQuery(Topics.DefaultTenant, null, project) { Edges = [window.From?.UtcDateTime ?? MetricsQuery.Beginning, window.To?.UtcDateTime ?? MetricsQuery.End] };
        var sums = (await reader.ReadAsync(query, TestContext.Current.CancellationToken)).Single();
        var differences = expected.DifferencesTo(JsonSerializer.SerializeToElement(QualityFigures.Of(sums, project is null), Json)).ToList();
        Assert.True(differences.Count == 0, $"{project} {window}\n{string.Join('\n', differences)}");
    }

    internal static async Task AssertAgreesAsync(MetricsReader reader, MetricsOracle oracle, Random random)
    {
        var times = oracle.Users.SelectMany(u => oracle.ProjectsOf(u)).Select(p => p.LastActivity).Order().ToList();
        var middle = Quarter(times[times.Count / 2]);
        Window[] windows = [Window.Open, new(middle.AddHours(-2), middle.AddHours(3)), new(null, middle)];
        foreach (var window in windows)
        {
            foreach (var project in oracle.Projects)
                await CompareAsync(reader, oracle, new Question { Projects = [project], Window = window });
            foreach (var user in oracle.Users)
            {
                await CompareAsync(reader, oracle, new Question { User = user, Window = window, GapS = random.Next(30, 601) });
                await CompareAsync(reader, oracle, new Question { User = user, Projects = [oracle.Projects[random.Next(oracle.Projects.Count)]], Window = window });
            }
            foreach (var tool in oracle.Tools)
                await CompareAsync(reader, oracle, new Question { Projects = [oracle.Projects[0]], Tool = tool, Window = window });
            foreach (var type in oracle.AnnotationTypes)
                await CompareAsync(reader, oracle, new Question { User = oracle.Users[0], AnnotationType = type, Tool = random.Next(2) == 0 ? oracle.Tools[0] : null, Window = window });
        }
        Assert.False((await reader.ReadAsync(new MetricsQuery(Topics.DefaultTenant, "nobody", null), TestContext.Current.CancellationToken)).Known);
    }

    static async Task CompareAsync(MetricsReader reader, MetricsOracle oracle, Question question)
    {
        var query = new MetricsQuery(Topics.DefaultTenant, question.User, question.Projects?.Single())
        {
            Edges = [question.Window.From?.UtcDateTime ?? MetricsQuery.Beginning, question.Window.To?.UtcDateTime ?? MetricsQuery.End],
            GapSeconds = question.GapS,
            Tool = question.Tool,
            AnnotationType = question.AnnotationType,
        };
        var answer = await reader.ReadAsync(query, TestContext.Current.CancellationToken);
        Assert.True(answer.Known);
        var differences = oracle.Ask(question).DifferencesTo(JsonSerializer.SerializeToElement(answer.Figures(), Json)).ToList();
        Assert.True(differences.Count == 0, $"{question}\n{string.Join('\n', differences)}");
        if (question.User is null && question.Projects is not null && query.HasTime)
            await CompareUsersAsync(reader, oracle, question, query);
    }

    /// <summary>The users' figures are those whose sum the project's is.</summary>
    static async Task CompareUsersAsync(MetricsReader reader, MetricsOracle oracle, Question question, MetricsQuery query)
    {
        var answer = await reader.ReadAsync(query with { Split = MetricsSplit.User }, TestContext.Current.CancellationToken);
        var users = oracle.UsersOf(question.Projects!.Single(), question);
        Assert.Equal(users.Select(u => u.User).Order(StringComparer.Ordinal), answer.Parts.Order(StringComparer.Ordinal));
        foreach (var (user, figures) in users)
            Assert.Empty(figures.DifferencesTo(JsonSerializer.SerializeToElement(answer.Figures(user), Json)));
    }

    static DateTimeOffset Quarter(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.FromMinutes(15).Ticks), TimeSpan.Zero);
}
