using System.Text.Json;
using Pipeline.Oracle;

namespace Pipeline.Pipeline.Tests.Metrics;

/// <summary>The oracle against a day whose every figure was worked out by hand.</summary>
public sealed class HandMadeDayTests
{
    static readonly MetricsOracle Oracle = MetricsOracle.Of(HandMadeDay.Events);
    static readonly Question Day = new() { Window = HandMadeDay.Day };

    public static TheoryData<string> Levels => [.. Answers.Keys];

    static Dictionary<string, (Figures ByHand, Question Question)> Answers => new()
    {
        ["anna"] = (HandMadeDay.Anna, Day with { User = "anna" }),
        ["bo"] = (HandMadeDay.Bo, Day with { User = "bo" }),
        ["alpha"] = (HandMadeDay.Alpha, Day with { Projects = ["alpha"] }),
        ["beta"] = (HandMadeDay.Beta, Day with { Projects = ["beta"] }),
        ["anna in alpha"] = (HandMadeDay.AnnaInAlpha, Day with { User = "anna", Projects = ["alpha"] }),
        ["bo in alpha"] = (HandMadeDay.BoInAlpha, Day with { User = "bo", Projects = ["alpha"] }),
        ["alpha by wand"] = (HandMadeDay.AlphaByWand, Day with { Projects = ["alpha"], Tool = "wand" }),
        ["alpha's polygons"] = (HandMadeDay.AlphaPolygons, Day with { Projects = ["alpha"], AnnotationType = "polygon" }),
        ["beta by pen"] = (HandMadeDay.BetaByPen, Day with { Projects = ["beta"], Tool = "pen" }),
    };

    [Theory, MemberData(nameof(Levels))]
    public void Has_the_figures_worked_out_by_hand(string level)
    {
        var (byHand, question) = Answers[level];
        SameFigures.Assert(byHand, Oracle.Ask(question));
    }

    [Fact]
    public void Has_the_hours_worked_out_by_hand() =>
        Assert.Equal(HandMadeDay.HoursOfAlpha, Oracle.Series(new Question { Projects = ["alpha"] }, BucketSize.Hour, TimeZoneInfo.Utc).Select(b =>
            (b.Start.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"), b.Figures.ActiveTimeS!.Value, b.Figures.SessionTimeS!.Value, b.Figures.Sessions!.Value, b.Figures.AnnotationsCompleted, b.Figures.Events)));

    [Fact]
    public void Has_the_rows_worked_out_by_hand()
    {
        Assert.Equal(HandMadeDay.ProjectsOfAnna, Oracle.ProjectsOf("anna", HandMadeDay.Day));
        Assert.Equal(HandMadeDay.ProjectsOfBo, Oracle.ProjectsOf("bo", HandMadeDay.Day));
        Assert.Equal([("anna", HandMadeDay.AnnaInAlpha), ("bo", HandMadeDay.BoInAlpha)], Oracle.UsersOf("alpha", Day));
    }

    [Fact]
    public void Has_the_quality_worked_out_by_hand()
    {
        Assert.Equal(HandMadeDay.QualityOfAlpha, Oracle.Quality("alpha", HandMadeDay.Day));
        Assert.Equal(HandMadeDay.QualityOfAlphaAtNoon, Oracle.Quality("alpha", Window.Of("2024-05-06T12:00:00Z", "2024-05-06T12:15:00Z")));
    }
}

/// <summary>How an answer of the product is held to the oracle's figures.</summary>
public sealed class DifferenceTests
{
    [Fact]
    public void Names_each_figure_that_is_missing_or_another()
    {
        Assert.Equal(["undo_rate: 0 expected, null given", "first_pass_rate: null expected, 0 given", "errors: 2 expected, 3 given", "events: 7 expected, not there"],
            (HandMadeDay.Beta with { Errors = 2 }).DifferencesTo(Answer(HandMadeDay.Beta, ("undo_rate", null), ("first_pass_rate", 0), ("errors", 3), ("events", NotThere))));
        Assert.Empty(HandMadeDay.Beta.DifferencesTo(Answer(HandMadeDay.Beta)));
    }

    [Fact]
    public void Percentiles_may_be_one_in_a_hundred_off_and_nothing_else_may()
    {
        Assert.Empty(HandMadeDay.Beta.DifferencesTo(Answer(HandMadeDay.Beta, ("time_per_object_p50_ms", 6060), ("fps_p5", 29.7m))));
        Assert.Equal(["time_per_object_p50_ms: 6000 expected, 6061 given"], HandMadeDay.Beta.DifferencesTo(Answer(HandMadeDay.Beta, ("time_per_object_p50_ms", 6061))));
        Assert.Equal(["total_time: 18000 expected, 18001 given"], HandMadeDay.Beta.DifferencesTo(Answer(HandMadeDay.Beta, ("total_time", 18_001))));
    }

    const decimal NotThere = decimal.MinValue;

    static JsonElement Answer(Figures figures, params (string Name, decimal? Value)[] changed)
    {
        var answer = figures.ByJsonName().ToDictionary();
        foreach (var (name, value) in changed)
            answer[name] = value;
        return JsonSerializer.SerializeToElement(answer.Where(f => f.Value != NotThere).ToDictionary());
    }
}

static class SameFigures
{
    /// <summary>Fails with every figure that differs. A fraction may differ in its last digits, which decimals cannot hold.</summary>
    public static void Assert(Figures expected, Figures actual)
    {
        var found = actual.ByJsonName();
        var different = expected.ByJsonName().Where(f => Rounded(f.Value) != Rounded(found[f.Key])).Select(f => $"{f.Key}: expected {f.Value?.ToString() ?? "null"}, is {found[f.Key]?.ToString() ?? "null"}");
        Xunit.Assert.Empty(different);
    }

    static decimal? Rounded(decimal? value) => value is null ? null : decimal.Round(value.Value, 15);
}
