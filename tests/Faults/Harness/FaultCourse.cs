using System.Diagnostics;
using Pipeline.Faults.Requests;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>Load, inject, hold, heal, wait for quiescence, check.</summary>
sealed class FaultCourse(Lane lane, Fault fault, int seed)
{
    static readonly TimeSpan LagGoneWithin = TimeSpan.FromSeconds(60), AfterHealing = TimeSpan.FromSeconds(1.5), GiveUpAfter = TimeSpan.FromSeconds(90);

    /// <summary>Stored before anything goes wrong, so that the fault meets a pipeline at work.</summary>
    const int PassedFirst = 400, EndedFirst = 60;

    readonly Findings _findings = new();

    public async Task<CourseReport> RunAsync()
    {
        try
        {
            return await FollowAsync();
        }
        finally
        {
            await fault.CleanAsync(lane);
        }
    }

    async Task<CourseReport> FollowAsync()
    {
        var started = Stopwatch.GetTimestamp();
        var random = new Random(HashCode(seed, fault.Name));
        await using var run = await FaultRun.CreateAsync(lane, fault, random);
        await using var resources = new Resources(() => run.Hosts);
        try
        {
            return await FollowAsync(run, resources, started);
        }
        catch (Exception)
        {
            foreach (var host in (string[])[Sign.Processors, Sign.Ingest])
                Seeds.Say($"/health of {host} then: {(await HostView.LookAsync(run.HostOf(host))).Health?.GetRawText() ?? "no answer"}");
            await lane.MendAsync();
            throw;
        }
    }

    async Task<CourseReport> FollowAsync(FaultRun run, Resources resources, long started)
    {
        // 1. A pipeline at work.
        await fault.PrepareAsync(run);
        await run.StartHostsAsync();
        run.Load.Begin();
        await run.PassedAtLeastAsync(PassedFirst);
        if (run.Load.Requests is { } requests)
            await requests.EndedAtLeastAsync(EndedFirst, LagGoneWithin);
        run.AtWork();
        await Task.Delay(run.Random.Next(700, 1500));
        // 2. The fault, until it was seen everywhere and long enough.
        var signs = new SignWatch(run, fault.Signs);
        await StrikeAsync(run, signs);
        // 3. Healing: from here on the time of recovery counts.
        run.Healing();
        await fault.HealAsync(run);
        if (run.HealedAt == 0)
            run.Healed();
        var recovery = await RecoverAsync(run, run.HealedAt);
        // 4. Nothing moves any more.
        await fault.CheckAsync(run, _findings);
        var stored = await CheckAsync(run, resources);
        var answers = run.Load.Requests is null ? null : await CheckRequestsAsync(run, run.Load.Requests);
        foreach (var (sign, after) in signs.Seen)
            _findings.Expect(after <= SignWatch.VisibleWithin, $"not visible within {SignWatch.VisibleWithin.TotalSeconds} s: {sign.Host} {sign.Text} ({(after is null ? "never" : $"after {after.Value.TotalSeconds:F1} s")})");
        return new CourseReport(fault.Name, seed, run.Ledger.Read(), stored, recovery, [.. signs.Seen], resources.ToString(), Stopwatch.GetElapsedTime(started), _findings.List) { Requests = answers };
    }

    /// <summary>Not that of the runtime, which differs from process to process.</summary>
    static int HashCode(int seed, string name) => name.Aggregate(seed, (hash, c) => unchecked((hash * 31) + c));

    async Task StrikeAsync(FaultRun run, SignWatch signs)
    {
        await signs.BeginAsync();
        var injecting = fault.InjectAsync(run);
        // One that is brought about step by step says itself when it has struck.
        if (!fault.SaysWhenItStruck)
            run.Struck();
        await injecting;
        await Task.WhenAll(signs.EndedAsync(), Task.Delay(fault.Hold));
    }

    async Task<TimeSpan> RecoverAsync(FaultRun run, long healed)
    {
        var backlog = await run.EndsAsync();
        var caughtUp = CatchUpAsync(run, (backlog, run.Load.Requests?.Ledger.AcceptedIds ?? []), healed);
        await Task.Delay(AfterHealing);
        await run.Load.EndAsync(TimeSpan.FromSeconds(30));
        var recovery = await caughtUp;
        await run.StoredUpToAsync(await run.EndsAsync(), LagGoneWithin);
        await EndedAsync(run.Load.Requests, run.Load.Requests?.Ledger.AcceptedIds);
        var lagGone = Stopwatch.GetElapsedTime(healed);
        _findings.Expect(lagGone <= LagGoneWithin, $"lag 0 only {lagGone.TotalSeconds:F0} s after healing");
        return recovery;
    }

    async Task<TimeSpan> CatchUpAsync(FaultRun run, (Dictionary<int, long> Ends, string[] Requests) backlog, long healed)
    {
        await run.StoredUpToAsync(backlog.Ends, GiveUpAfter);
        await EndedAsync(run.Load.Requests, backlog.Requests);
        return Stopwatch.GetElapsedTime(healed);
    }

    /// <summary>Requests that do not end are a finding, and the checks say which they are.</summary>
    async Task EndedAsync(RequestLoad? load, string[]? ids)
    {
        try
        {
            await (load?.EndedAsync(ids!, GiveUpAfter) ?? Task.CompletedTask);
        }
        catch (TimeoutException e)
        {
            _findings.Add(e.Message);
        }
    }

    async Task<Stored> CheckAsync(FaultRun run, Resources resources)
    {
        var stored = await Stored.ReadAsync(run.Database);
        stored.CheckSets(run.Ledger.Read(), _findings);
        await stored.CheckActivityAsync(run.Database, _findings);
        _findings.AddRange(await FenceLog.BreachesAsync(run.Database));
        _findings.AddRange(resources.Breaches());
        try
        {
            await run.Watch.AssertAlwaysZeroAsync();
        }
        catch (Xunit.Sdk.XunitException e)
        {
            _findings.Add($"conservation: {e.Message}");
        }
        return stored;
    }

    /// <returns>In words, what clients were told and what came of it.</returns>
    async Task<string> CheckRequestsAsync(FaultRun run, RequestLoad load)
    {
        try
        {
            await load.SettledAsync(GiveUpAfter);
        }
        catch (TimeoutException e)
        {
            _findings.Add(e.Message);
        }
        var (answers, word) = (await Answers.ReadAsync(run), load.Ledger.Told.Read());
        new AnswerChecks(load.Ledger, answers, _findings).Run(load.Shape.UnreadEnds);
        return $"{word.Ok.Count} ok, {word.Refused.Count} refused, {word.Unknown.Count} unknown: {answers}";
    }
}

/// <summary>One line of the table that a run leaves.</summary>
sealed record CourseReport(string Fault, int Seed, Word Word, Stored Stored, TimeSpan Recovery, IReadOnlyList<(Sign Sign, TimeSpan? After)> Signs, string Resources, TimeSpan Took,
    IReadOnlyList<string> Findings)
{
    public const string Head = "| fault | seed | ok | refused | unknown | stored | dead letters | duplicates | requests | recovery s | visible by (s) | took s | verdict |\n| --- | --: | --: | --: | --: | --: | --: | --: | --- | --: | --- | --: | --- |";

    /// <summary>What became of requests; null where there were none.</summary>
    public string? Requests { get; init; }

    public override string ToString() =>
        $"| {Fault} | {Seed} | {Word.Ok.Count} | {Word.Refused.Count} | {Word.Unknown.Count} | {Stored.Rows.Count} | {Stored.Letters.Count} | {Stored.Outcomes.Duplicate} | {Requests ?? "-"} | {Recovery.TotalSeconds:F1} | "
        + $"{string.Join("; ", Signs.Select(s => $"{s.Sign.Host} {s.Sign.Text} ({(s.After is null ? "never" : $"{s.After.Value.TotalSeconds:F1}")})"))} | {Took.TotalSeconds:F0} | {(Findings.Count == 0 ? "held" : "BROKEN")} |";
}
