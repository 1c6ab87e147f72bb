using System.Security.Cryptography;
using Pipeline.Contracts.Events;
using Pipeline.DevTool.Simulation;

namespace Pipeline.DevTool.Tests.Simulation;

public sealed class SimulatedWorkTests
{
    static readonly SimulationOptions Small = new() { Users = 5, Days = 7, Projects = 3, LateShare = 0.1, DuplicateShare = 0.1, SkewShare = 0.4, Until = Seen.Until };

    [Fact]
    public void Equal_options_make_equal_bytes_and_another_seed_makes_others()
    {
        Assert.Equal(Digest(Small), Digest(Small with { }));
        Assert.NotEqual(Digest(Small), Digest(Small with { Seed = 2 }));
    }

    [Fact]
    public void How_events_come_in_does_not_change_what_happens()
    {
        static IEnumerable<string> Once(SimulationOptions options) => Seen.Of(options).Where(e => !e.Event.IsRepeat).Select(e => e.ToString()).Order();
        Assert.Equal(Once(Small with { LateShare = 0, DuplicateShare = 0 }), Once(Small));
    }

    [Fact]
    public void Every_event_is_valid_and_its_time_is_right_after_the_correction()
    {
        var parsed = default(ParsedEvent);
        var n = 0;
        foreach (var e in new SimulatedWork(Small).Events())
        {
            Assert.Equal(EventFault.None, EventParser.Parse(e.Bytes.Span, ref parsed));
            Assert.Equal(e.Type, parsed.Type);
            Assert.Equal(e.OccurredAtMs + e.SkewMs, parsed.TimestampUs / 1000);
            Assert.True(OccurredAt.TryResolve(parsed.TimestampUs, e.SentAtMs * 1000, e.ArrivedAtMs * 1000, out var occurredAtUs, out var corrected));
            Assert.Equal(e.SkewMs != 0, corrected);
            Assert.InRange((occurredAtUs / 1000) - e.OccurredAtMs, 0, 500);
            n++;
        }
        Assert.InRange(n, 1000, 100_000);
    }

    [Fact]
    public void All_types_and_everything_that_the_contract_names_occur()
    {
        string[] named =
        [
            "annotation start", "annotation create", "annotation update", "annotation modify", "annotation complete", "annotation delete", "annotation save",
            "task_status start", "task_status pause", "task_status resume", "task_status complete", "task_status submit", "task_status modify", "task_status skip",
            "task_status mark_valid", "task_status mark_invalid",
            "tool_efficiency activate", "tool_efficiency draw_start", "tool_efficiency draw_end", "tool_efficiency draw_cancel", "tool_efficiency undo", "tool_efficiency redo",
            "tool_efficiency hotkey", "tool_efficiency frame_switch", "tool_efficiency load", "tool_efficiency save", "tool_efficiency model_run",
            "user_interaction zoom", "performance", "error", "backend_computation",
        ];
        Assert.Empty(named.Except(Seen.FourWeeks.Select(e => e.Kind)));
        string[] fields = ["fps", "memory_usage", "cpu_usage", "render_time", "network_latency", "load_time"];
        Assert.Empty(fields.Except(Seen.FourWeeks.Where(e => e.Is("performance")).SelectMany(e => e.Fields.EnumerateObject().Select(f => f.Name))));
        Assert.Equal(["imported", "manual", "model"], Seen.FourWeeks.Where(e => e.Fields.TryGetProperty("source", out _)).Select(e => e.Fields.GetProperty("source").GetString()!).Distinct().Order());
    }

    [Fact]
    public void Ids_are_unique_and_names_tell_that_it_is_simulated()
    {
        Assert.Equal(Seen.FourWeeks.Count, Seen.FourWeeks.Select(e => e.Id).Distinct().Count());
        Assert.All(Seen.FourWeeks, e => Assert.StartsWith("sim-", e.Project, StringComparison.Ordinal));
        Assert.All(Seen.FourWeeks, e => Assert.StartsWith("sim-user-", e.User, StringComparison.Ordinal));
        Assert.All(Seen.By(Seen.FourWeeks, e => e.User), user => Assert.InRange(user.Select(e => e.Project).Distinct().Count(), 1, 3));
        Assert.Equal(5, Seen.FourWeeks.Select(e => e.Project).Distinct().Count());
    }

    [Fact]
    public void Nothing_lies_outside_of_the_days_and_a_day_comes_in_the_order_of_arrival()
    {
        var until = Seen.Until.ToUnixTimeMilliseconds();
        Assert.All(Seen.FourWeeks, e => Assert.InRange(e.At, until - (28L * 24 * 3600 * 1000), until - 1));
        Assert.All(Seen.FourWeeks, e => Assert.InRange(e.Event.ArrivedAtMs, e.At, until));
        // Days of different zones overlap; a day's first event comes before its last.
        var backward = Seen.FourWeeks.Zip(Seen.FourWeeks.Skip(1)).Count(pair => pair.Second.Event.ArrivedAtMs < pair.First.Event.ArrivedAtMs);
        Assert.InRange(backward, 0, 28);
    }

    [Fact]
    public void A_users_time_goes_forward_and_no_work_overlaps_other_work()
    {
        foreach (var user in Seen.By(Seen.FourWeeks, e => e.User))
        foreach (var (before, e) in user.Zip(user.Skip(1)))
        {
            Assert.True(before.At < e.At, $"{before}\n{e}");
            // What takes longer than half an hour is the outlier of a page left open; what a server did was not the user.
            if (e.Duration is { } duration and <= 30 * 60_000 && !e.Is("backend_computation"))
                Assert.True(e.At - duration >= before.At - 20, $"{before}\n{e}");
        }
    }

    [Fact]
    public void A_run_that_cannot_be_is_refused()
    {
        Assert.Throws<UsageException>(() => new SimulatedWork(Small with { Users = 0 }));
        Assert.Throws<UsageException>(() => new SimulatedWork(Small with { Rate = 0 }));
        Assert.Throws<UsageException>(() => new SimulatedWork(Small with { LateShare = 1.5 }));
        Assert.Throws<UsageException>(() => new SimulatedWork(Small with { Until = new(2001, 1, 2, 0, 0, 0, TimeSpan.Zero) }));
    }

    static string Digest(SimulationOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var e in new SimulatedWork(options).Events())
        {
            hash.AppendData(e.Bytes.Span);
            hash.AppendData(BitConverter.GetBytes(e.ArrivedAtMs));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
