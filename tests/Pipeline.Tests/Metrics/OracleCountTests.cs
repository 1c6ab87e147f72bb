using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>The corners of firsts, changes, percentiles and times. What is expected stands as a literal, worked out from the definition.</summary>
public sealed partial class OracleCountTests
{
    const string Noon = "2024-05-06T12:00:00Z", Later = "2024-05-06T12:00:00.000001Z";

    [Fact]
    public void Of_completions_at_one_instant_the_user_least_by_bytes_has_the_first()
    {
        // By UTF-16 the emoji (D83D…) would come before the full-width letter (FF41); by UTF-8 it is F0… after EF….
        var oracle = MetricsOracle.Of([Raw.Annotation(Noon, "create", "o", "😀"), Raw.Annotation(Noon, "complete", "o", "ａ"), Raw.Annotation(Later, "create", "o", "A")]);
        Assert.Equal([0, 1, 0], new[] { "😀", "ａ", "A" }.Select(u => oracle.User(u).AnnotationsCompleted));
        Assert.Equal([1, 0, 0], new[] { "😀", "ａ", "A" }.Select(u => oracle.User(u).NetAnnotations));
        Assert.Equal(1, oracle.Project("p").AnnotationsCompleted);
    }

    [Fact]
    public void Of_completions_at_one_instant_by_one_user_the_id_least_by_bytes_is_the_first()
    {
        const string Low = "0000000A-0000-4000-8000-000000000000", High = "a0000000-0000-4000-8000-000000000000";
        TraceEvent Create(string id, string kind) => Raw.Event(Noon, "annotation", $$"""{"type":"create","annotationType":"{{kind}}","duration":0,"success":true,"objectId":"o"}""", id: id);
        var oracle = MetricsOracle.Of([Create(High, "box"), Create(Low, "line")]);
        Assert.Equal((0, 1), (oracle.Ask(new Question { AnnotationType = "box" }).AnnotationsCompleted, oracle.Ask(new Question { AnnotationType = "line" }).AnnotationsCompleted));
    }

    [Fact]
    public void A_change_counts_whenever_and_by_whomever_but_only_strictly_after_the_save()
    {
        Assert.Equal(0, ReworkOf(Raw.Annotation(Noon, "update", "o", "v")));
        Assert.Equal(1, ReworkOf(Raw.Annotation(Later, "update", "o", "v", success: "false")));
        Assert.Equal(1, ReworkOf(Raw.Annotation("2024-05-09T12:00:00Z", "delete", "o", "v")));
        Assert.Equal(0, ReworkOf(Raw.Annotation(Later, "complete", "o", "v")));
        Assert.Equal(0, ReworkOf(Raw.Annotation(Later, "update", "another", "v")));

        static decimal? ReworkOf(TraceEvent change) => MetricsOracle.Of([Raw.Annotation(Noon, "save", "o", success: "true"), change])
            .User("u", new Question { Window = Window.Of("2024-05-06T12:00:00Z", "2024-05-06T12:15:00Z") }).ReworkRate;
    }

    [Fact]
    public void Only_what_succeeded_is_a_first_create_delete_or_save()
    {
        var oracle = MetricsOracle.Of([
            Raw.Annotation(Noon, "create", "o", "u", success: "false"), Raw.Annotation(Later, "create", "o", "v"),
            Raw.Annotation(Noon, "save", "o", "u", success: "false"), Raw.Annotation("2024-05-06T12:00:01Z", "update", "o", "u"), Raw.Annotation("2024-05-06T12:00:02Z", "save", "o", "v"),
            Raw.Annotation(Noon, "delete", "x", "u", success: "false"), Raw.Annotation(Later, "delete", "y", "u"),
        ]);
        Assert.Equal((0, -1, null), (oracle.User("u").AnnotationsCompleted, oracle.User("u").NetAnnotations, oracle.User("u").ReworkRate));
        Assert.Equal((1, 1, 0m), (oracle.User("v").AnnotationsCompleted, oracle.User("v").NetAnnotations, oracle.User("v").ReworkRate));
    }

    [Fact]
    public void A_task_passes_at_first_with_one_submit_and_no_modify_after_it()
    {
        Assert.Equal(1, FirstPass("modify", "submit"));
        Assert.Equal(0, FirstPass("submit", "modify"));
        Assert.Equal(0, FirstPass("submit", "submit"));
        Assert.Null(FirstPass("complete", "modify"));

        static decimal? FirstPass(params string[] types) =>
            MetricsOracle.Of(types.Select((type, i) => Raw.Event($"2024-05-06T12:00:0{i}Z", "task_status", $$"""{"type":"{{type}}","taskId":"t"}"""))).Project("p").FirstPassRate;
    }

    [Fact]
    public void Percentiles_are_linear_between_the_two_order_statistics()
    {
        // n = 4: p50 stands at place 1.5, between 20 and 30; p95 at place 2.85, between 30 and 1000.
        var oracle = MetricsOracle.Of(new[] { "1000", "30", "10", "20" }.Select(ms => Raw.Load(Noon, ms)));
        Assert.Equal((25m, 854.5m), (oracle.User("u").LoadP50Ms, oracle.User("u").LoadP95Ms));
        Assert.Equal(0.063m, MetricsOracle.Of([Raw.Load(Noon, "0.0625")]).User("u").LoadP95Ms);
        Assert.Null(MetricsOracle.Of([Raw.Load(Noon, "-1")]).User("u").LoadP50Ms);
    }

    [Fact]
    public void Rates_per_hour_need_a_minute_of_active_time()
    {
        Assert.Null(MetricsOracle.Of([Raw.Annotation(Noon, "create", ms: "40000")]).User("u").AnnotationsPerHour);
        Assert.Equal(60, MetricsOracle.Of([Raw.Annotation(Noon, "create", ms: "50000")]).User("u").AnnotationsPerHour);
    }

    [Theory]
    [InlineData(null, Noon)]
    [InlineData("2024-05-06T12:01:05Z", Noon)]
    [InlineData("2024-05-06T12:01:05.001Z", "2024-05-06T11:59:54.999Z")]
    [InlineData("2024-05-06T13:00:00Z", "2024-05-06T11:01:00Z")]
    [InlineData("2024-05-06T11:59:00Z", "2024-05-06T12:01:00Z")]
    public void A_clock_off_by_more_than_five_seconds_is_corrected_by_the_age_at_sending(string? sentAt, string occurredAt)
    {
        DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
        var e = Raw.Annotation(Noon, "save") with { ReceivedAt = Time("2024-05-06T12:01:00Z"), SentAt = sentAt is null ? null : Time(sentAt) };
        Assert.Equal(Time(occurredAt), MetricsOracle.Of([e]).ProjectsOf("u").Single().LastActivity);
        Assert.Equal(occurredAt == Noon ? 0 : 1, MetricsOracle.Of([e]).Quality().Skewed);
    }

    [Fact]
    public void An_id_counts_once_in_its_tenant_as_the_first_of_the_given_order()
    {
        const string Id = "00000000-0000-4000-8000-0000000000AA";
        var (first, second) = (Raw.Annotation(Later, "create", id: Id), Raw.Annotation(Noon, "delete", id: Id.ToLowerInvariant()));
        var elsewhere = second with { Tenant = "other" };
        Assert.Equal((1, 1), (MetricsOracle.Of([first, second, elsewhere]).Project("p").Events, MetricsOracle.Of([first, second, elsewhere]).Project("p").NetAnnotations));
        Assert.Equal(-1, MetricsOracle.Of([first, second, elsewhere], "other").Project("p").NetAnnotations);
    }

    [Fact]
    public void An_event_without_an_id_counts_by_the_derived_one()
    {
        var e = new TraceEvent("""{"event_type":"error","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data":{"type":"t","message":"m"}}""", DateTimeOffset.UnixEpoch.AddYears(60));
        Assert.Throws<ArgumentException>(() => MetricsOracle.Of([e]));
        Assert.Equal(2, MetricsOracle.Of([e with { DerivedId = Guid.Parse("00000000-0000-8000-8000-000000000001") }, e with { DerivedId = Guid.Parse("00000000-0000-8000-8000-000000000002") }]).User("u").Errors);
    }

    [Fact]
    public void Fractions_beyond_a_microsecond_are_cut_and_offsets_are_undone() =>
        Assert.Equal(1, MetricsOracle.Of([Raw.Annotation("2024-05-06T17:29:59.9999999+05:45", "create")]).Ask(new Question { Window = Window.Of("2024-05-06T11:30:00Z", "2024-05-06T11:45:00Z") }).Events);

    [Fact]
    public void Quality_is_counted_by_receipt_and_coverage_by_the_start_of_sessions()
    {
        var late = Raw.Click("2024-05-06T11:54:59.999Z") with { ReceivedAt = DateTimeOffset.Parse(Noon, CultureInfo.InvariantCulture) };
        var shown = Raw.Event(Noon, "performance", "{}");
        Assert.Equal(
            [("11:45", new Quality { Received = 0, Coverage = 1 }), ("12:00", new Quality { Received = 2, LateShare = 0.5m })],
            MetricsOracle.Of([late, shown]).QualityByReceipt("p").Select(q => (q.Bucket.ToString("HH:mm", CultureInfo.InvariantCulture), q.Quality)));
    }

    [Fact]
    public void Has_a_figure_for_each_name_that_the_definitions_publish()
    {
        string[] knownToThePipelineAlone = ["duplicates", "dead_letters", "rejected", "refused_batches", "client_dropped"];
        var names = new List<string>();
        foreach (var row in File.ReadLines(Path.Combine(TestServers.Repository, "docs", "metrics.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal)))
            foreach (Match name in Name().Matches(row.Split('|')[1]))
                names.Add(name.Groups[1].Value is ['_', ..] ending ? names[^1][..names[^1].LastIndexOf("_p", StringComparison.Ordinal)].Replace("_p50_ms", "", StringComparison.Ordinal) + ending : name.Groups[1].Value);
        Assert.Equal(names.Except(knownToThePipelineAlone), [.. new Figures().ByJsonName().Keys, .. new Quality().ByJsonName().Keys]);
    }

    [GeneratedRegex("`([a-z_0-9]+)`")]
    private static partial Regex Name();
}
