using System.Text.Json;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>What holds for any trace, and that the traces have the corners they are made for.</summary>
public sealed class TraceTests
{
    const int Rounds = 10;

    [Fact]
    public void The_same_seed_writes_the_same_trace()
    {
        static IEnumerable<(string, DateTimeOffset, DateTimeOffset?, string?, string)> Flat(int seed) =>
            Traces.Of(seed).Select(e => (Convert.ToHexString(e.Bytes), e.ReceivedAt, e.SentAt, e.BatchTool, e.Tenant));
        Assert.Equal(Flat(7), Flat(7));
        Assert.NotEqual(Flat(7), Flat(8));
    }

    [Fact]
    public void The_order_of_entry_changes_nothing()
    {
        var random = Seeds.Next();
        for (var round = 0; round < Rounds; round++)
        {
            var trace = Traces.Of(random.Next()).ToArray();
            var before = MetricsOracle.Of(trace);
            random.Shuffle(trace);
            var after = MetricsOracle.Of(trace);
            foreach (var question in Questions(before))
                SameFigures.Assert(before.Ask(question), after.Ask(question));
        }
    }

    [Fact]
    public void Users_add_up_to_their_project_and_buckets_to_their_window()
    {
        var random = Seeds.Next();
        for (var round = 0; round < Rounds; round++)
        {
            var oracle = MetricsOracle.Of(Traces.Of(random.Next()));
            foreach (var question in Questions(oracle))
            {
                var whole = Sums(oracle.Ask(question));
                foreach (var zone in Traces.Zones)
                    Assert.Equal(whole, Sums([.. oracle.Series(question, BucketSize.Day, TimeZoneInfo.FindSystemTimeZoneById(zone)).Select(b => b.Figures)]));
                if (question.User is null)
                    Assert.Equal(whole, Sums([.. oracle.UsersOf(question.Projects!.Single(), question).Select(u => u.Figures)]));
            }
        }
    }

    [Fact]
    public void Time_grows_with_the_gap_and_with_the_projects_and_never_beyond_the_session()
    {
        var random = Seeds.Next();
        for (var round = 0; round < Rounds; round++)
        {
            var trace = Traces.Of(random.Next());
            var oracle = MetricsOracle.Of(trace);
            foreach (var user in oracle.Users)
            {
                var figures = oracle.User(user);
                Assert.True(figures.ActiveTimeS <= figures.SessionTimeS);
                Assert.True(figures.ActiveTimeS <= oracle.User(user, new Question { GapS = 600 }).ActiveTimeS);
                Assert.True(figures.ActiveTimeS >= oracle.User(user, new Question { GapS = 30 }).ActiveTimeS);
                Assert.True(figures.SessionTimeS >= oracle.Projects.Max(p => oracle.User(user, new Question { Projects = [p] }).SessionTimeS));
            }
        }
    }

    [Fact]
    public void The_traces_have_the_corners_they_are_made_for()
    {
        var all = Enumerable.Range(0, 20).Select(seed => Traces.Of(seed)).ToList();
        var events = all.SelectMany(t => t).Where(e => e.Tenant == "default").ToList();
        var figures = all.Select(t => MetricsOracle.Of(t)).SelectMany(o => o.Projects.SelectMany(p => o.Series(new Question { Projects = [p] }, BucketSize.Day, TimeZoneInfo.Utc))).Select(b => b.Figures).ToList();
        var quality = all.Select(t => MetricsOracle.Of(t).Quality()).ToList();
        Assert.Contains(all, t => t.Select(e => Convert.ToHexString(e.Bytes)).Distinct().Count() < t.Count);
        Assert.Contains(events, e => e.SentAt is { } sent && (sent - e.ReceivedAt).Duration() == TimeSpan.FromSeconds(5));
        Assert.Contains(events, e => e.BatchTool is not null && !Has(e, "tool"));
        Assert.Equal(7, events.Select(e => JsonDocument.Parse(e.Bytes).RootElement.GetProperty("event_type").GetString()).Distinct().Count());
        Assert.All(quality, q => Assert.True(q.Skewed > 0 && q.Outliers > 0 && q.LateShare is > 0 and < 1));
        foreach (var name in figures[0].ByJsonName().Keys)
            Assert.True(figures.Select(f => f.ByJsonName()[name]).Distinct().Count() > 1, $"{name} is the same in all traces.");
        foreach (var rate in new[] { "rework_rate", "assist_rate", "assist_edit_rate", "first_pass_rate", "success_rate", "undo_rate" })
            Assert.Contains(figures, f => f.ByJsonName()[rate] is > 0 and < 1);

        static bool Has(TraceEvent e, string field) => JsonDocument.Parse(e.Bytes).RootElement.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String;
    }

    /// <summary>Every user, every project, and each project by a tool and by an annotation type.</summary>
    static IEnumerable<Question> Questions(MetricsOracle oracle) =>
    [
        .. oracle.Users.Select(u => new Question { User = u }), .. oracle.Projects.Select(p => new Question { Projects = [p] }),
        .. oracle.Projects.Select(p => new Question { Projects = [p], Tool = oracle.Tools[0] }), .. oracle.Projects.Select(p => new Question { Projects = [p], AnnotationType = oracle.AnnotationTypes[0] }),
    ];

    /// <summary>What adds up: counts and times. Users do not, who may be active in two buckets. Time that is not offered counts as none.</summary>
    static (long?, long?, long?, long, decimal, long, long, long, long, long, long) Sums(params Figures[] all) =>
        (all.Sum(f => f.ActiveTimeS), all.Sum(f => f.SessionTimeS), all.Sum(f => f.Sessions), all.Sum(f => f.TotalAnnotations), all.Sum(f => f.TotalTime), all.Sum(f => f.AnnotationsCompleted),
            all.Sum(f => f.NetAnnotations), all.Sum(f => f.Items), all.Sum(f => f.Errors), all.Sum(f => f.DurationOutliers), all.Sum(f => f.Events));
}
