using Pipeline.DevTool.Simulation;

namespace Pipeline.DevTool.Tests.Simulation;

/// <summary>Sessions, tasks and objects have a life that makes sense.</summary>
public sealed class ShapeTests
{
    const long MinuteMs = 60_000;

    [Fact]
    public void A_session_is_of_one_user_and_ends_with_the_day()
    {
        foreach (var session in Seen.By(Seen.FourWeeks, e => e.Session))
        {
            Assert.Single(session.Select(e => e.User).Distinct());
            Assert.InRange(session.Last().At - session.First().At, 0, 12 * 60 * MinuteMs);
        }
        Assert.All(Seen.FourWeeks, e => Assert.NotNull(e.Session));
    }

    [Fact]
    public void A_task_starts_is_paused_and_resumed_completed_submitted_and_reworked_in_this_order()
    {
        var ends = new HashSet<string>();
        foreach (var task in Seen.By(Seen.FourWeeks.Where(e => e.Kind.StartsWith("task_status ", StringComparison.Ordinal)), e => e.Fields.GetProperty("taskId").GetString()))
        {
            var state = "";
            foreach (var e in task)
            {
                var next = e.Kind["task_status ".Length..];
                Assert.True(Follows(state, next), $"{next} after '{state}': {e}");
                Assert.True(next.StartsWith("mark_", StringComparison.Ordinal) == (e.User != task.First().User), $"reviews are others' work: {e}");
                state = next == "pause" ? "pause of " + state : next == "resume" ? state["pause of ".Length..] : next;
            }
            ends.Add(state);
        }
        Assert.Contains("mark_valid", ends);
    }

    static bool Follows(string state, string next) => next switch
    {
        "start" => state == "",
        "skip" or "complete" => state == "start",
        "pause" => state is "start" or "complete" or "modify",
        "resume" => state.StartsWith("pause of ", StringComparison.Ordinal),
        "submit" => state is "complete" or "modify",
        // Sent back by a review, or taken back at once.
        "modify" => state is "submit" or "mark_invalid",
        "mark_valid" or "mark_invalid" => state == "submit",
        _ => false,
    };

    [Fact]
    public void An_object_is_created_once_before_everything_else_and_belongs_to_one_task()
    {
        foreach (var life in Seen.By(Seen.FourWeeks, e => e.Object))
        {
            Assert.Single(life.Select(e => e.Task).Distinct());
            var created = life.Where(e => e.Is("annotation create") && e.Fields.GetProperty("success").GetBoolean()).ToList();
            Assert.InRange(created.Count, 0, 1);
            Assert.DoesNotContain(life, e => !e.Is("annotation create") && !e.Is("annotation start") && (created.Count == 0 || e.At < created[0].At));
        }
    }

    [Fact]
    public void A_task_counts_the_objects_that_were_created_in_it()
    {
        var created = Seen.FourWeeks.Where(e => e.Is("annotation create") && e.Fields.GetProperty("success").GetBoolean()).GroupBy(e => e.Task!).ToDictionary(g => g.Key, g => g.Count());
        var submits = Seen.FourWeeks.Where(e => e.Is("task_status submit")).ToList();
        Assert.All(submits, e => Assert.Equal(created[e.Task!], e.Fields.GetProperty("annotationCount").GetInt32()));
        Assert.InRange(submits.Count, 100, 100_000);
    }

    [Fact]
    public void People_work_on_weekdays_in_the_daytime_of_their_zones_with_a_break_at_noon()
    {
        var options = new SimulationOptions { Users = 12, Days = 28, Projects = 5, Rate = 60, Until = Seen.Until };
        foreach (var user in Seen.By(Seen.FourWeeks, e => e.User))
        {
            var zone = Habits.Draw(options, user.First().Event.User).ZoneMinutes;
            var local = user.Select(e => DateTimeOffset.FromUnixTimeMilliseconds(e.At).AddMinutes(zone)).ToList();
            Assert.All(local, time => Assert.InRange(time.DayOfWeek, DayOfWeek.Monday, DayOfWeek.Friday));
            Assert.All(local, time => Assert.InRange(time.TimeOfDay.TotalHours, 6, 22));
        }
        var zones = Enumerable.Range(0, 12).Select(user => Habits.Draw(options, user).ZoneMinutes).Distinct().Count();
        Assert.InRange(zones, 4, 12);
    }

    [Fact]
    public void Newcomers_get_faster_and_models_come_into_use()
    {
        var events = Seen.Of(new SimulationOptions { Users = 20, Days = 60, Projects = 2, Rate = 60, Until = Seen.Until });
        var created = events.Where(e => e.Is("annotation create")).OrderBy(e => e.At).ToList();
        var third = created.Count / 3;
        List<Seen> first = created[..third], last = created[^third..];
        static double Share(List<Seen> creates) => creates.Count(e => e.Fields.GetProperty("source").GetString() == "model") / (double)creates.Count;
        static double Median(List<Seen> creates)
        {
            var byHand = creates.Where(e => e.Fields.GetProperty("source").GetString() == "manual").Select(e => e.Duration!.Value).Order().ToList();
            return byHand[byHand.Count / 2];
        }

        Assert.True(Share(last) > 1.5 * Share(first), $"models: {Share(first)}, then {Share(last)}");
        Assert.True(Median(last) < 0.95 * Median(first), $"median of the durations: {Median(first)}, then {Median(last)}");
    }
}
