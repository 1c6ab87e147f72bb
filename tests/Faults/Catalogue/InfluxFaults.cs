using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Faults.Catalogue;

/// <summary>InfluxDB is derived: whatever happens to it, PostgreSQL goes on without delay, and in the end it holds every point.</summary>
abstract class InfluxFault(string name, int usualSeconds) : Fault(name, usualSeconds)
{
    static readonly TimeSpan PointsWithin = TimeSpan.FromSeconds(60);

    public override Need Needs => Need.Influx;

    public override LoadShape Load => new() { BatchesPerSecond = 6, DirectPerSecond = 150 };

    /// <summary>How many points this fault keeps out for good, each with a dead letter.</summary>
    protected virtual int RefusedPoints => 0;

    /// <summary>Whether the log lost records before InfluxDB had them.</summary>
    protected virtual bool LosesPoints => false;

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        await FenceLog.CheckDelayAsync(run, findings, run.HealingAtUtc);
        if (!LosesPoints)
        {
            var rows = await run.Database.RowsAsync("SELECT event_id, value FROM rev_1.events", r => RawEvent.Read(r.GetFieldValue<byte[]>(1)) with { Id = r.GetGuid(0).ToString() });
            var expected = Points.Of(rows) - RefusedPoints;
            await Until.TrueAsync($"InfluxDB holds {expected} points", PointsWithin, run.Influx!.PointsAsync, points => points == expected);
        }
        var letters = await run.Database.ValueAsync<long>("SELECT count(*) FROM control.dead_letters WHERE consumer = 'events-influx' AND reason = 'influx_refused'");
        findings.Expect(letters == RefusedPoints, $"{letters} dead letters of events-influx, not {RefusedPoints}");
    }
}

sealed class InfluxDown() : InfluxFault("InfluxDB killed and restarted", 25)
{
    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "influxdb"), .. Sign.Fails("influxdb", Sign.EventsInflux)];

    public override Task InjectAsync(FaultRun run) => run.InfluxServer!.KillAsync();

    public override Task HealAsync(FaultRun run) => run.InfluxServer!.StartAgainAsync();
}

/// <summary>Every answer takes longer than a write may.</summary>
sealed class InfluxSlow() : InfluxFault("InfluxDB slow", 28)
{
    public override (string, string)[] ProcessorsSettings => [("Pipeline__Influx__Timeout", "00:00:02")];

    public override TimeSpan Hold => TimeSpan.FromSeconds(8);

    /// <summary>A first failure is waited out in a tenth of a second, and the next takes seconds to come: the count stays, the state does not.</summary>
    public override IReadOnlyList<Sign> Signs => [.. Sign.Down(Sign.Processors, "influxdb"), Sign.Grows(Sign.Processors, "pipeline_process_failures_total", "kind=\"influxdb\""), Sign.Failures(Sign.EventsInflux)];

    public override Task InjectAsync(FaultRun run) => run.InfluxWire!.DelayAsync(10_000);

    public override Task HealAsync(FaultRun run) => run.InfluxWire!.ClearAsync();
}

/// <summary>Some events name a field that InfluxDB knows as a number with a truth: it refuses them, and them alone.</summary>
sealed class InfluxTypeConflict() : InfluxFault("InfluxDB type conflict", 22)
{
    const int Conflicts = 5;

    protected override int RefusedPoints => Conflicts;

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_write_refused_points_total"), Sign.DeadLetters(Sign.EventsInflux)];

    public override async Task InjectAsync(FaultRun run)
    {
        var traffic = new Traffic(run.Random);
        run.Load.Direct.Send(traffic.Computation("\"x\":1"));
        await Until.TrueAsync("the field is known as a number", TimeSpan.FromSeconds(20), async () => (await run.Influx!.CountsAsync("user_id")).ContainsKey(Traffic.Machine));
        run.Struck();
        for (var i = 0; i < Conflicts; i++)
        {
            run.Load.Direct.Send(traffic.Computation("\"x\":true"));
            run.Load.Direct.Send(traffic.Computation($"\"x\":{i + 2}"));
        }
    }

    public override bool SaysWhenItStruck => true;
}

/// <summary>Something on the way answers 413 to larger writes: batches are halved until they fit.</summary>
sealed class InfluxTooLarge() : InfluxFault("InfluxDB answers 413", 22)
{
    const int BytesMax = 1500;

    SizeLimit? _limit;

    public override (string, string)[] ProcessorsSettings => [("Pipeline__Influx__Url", _limit!.Url.ToString())];

    public override TimeSpan Hold => TimeSpan.FromSeconds(4);

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_write_halved_batches_total"), Sign.Counted(Sign.EventsInflux, "halved_writes")];

    public override Task PrepareAsync(FaultRun run)
    {
        _limit = new SizeLimit(new Uri($"http://127.0.0.1:{run.InfluxWire!.Port}"), BytesMax);
        return Task.CompletedTask;
    }

    public override Task InjectAsync(FaultRun run)
    {
        _limit!.IsOn = true;
        return Task.CompletedTask;
    }

    public override Task HealAsync(FaultRun run)
    {
        _limit!.IsOn = false;
        return Task.CompletedTask;
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_limit!.Refused > 0, "no write was too large");
        await base.CheckAsync(run, findings);
    }

    public override async Task CleanAsync(Lane lane)
    {
        if (_limit is not null)
            await _limit.DisposeAsync();
    }
}

/// <summary>While InfluxDB is down the log loses what it has not got yet. That is named and counted, and PostgreSQL has it all.</summary>
sealed class InfluxPlaceLost() : InfluxFault("the log loses what InfluxDB has not got", 28)
{
    protected override bool LosesPoints => true;

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_write_lost_offsets_total"), Sign.Counted(Sign.EventsInflux, "lost_offsets")];

    public override async Task InjectAsync(FaultRun run)
    {
        await run.InfluxServer!.KillAsync();
        var before = await run.PassedAsync();
        await run.PassedAtLeastAsync(before + 1500);
        await run.Topic.RemoveBeforeAsync(await run.Database.NextOffsetsAsync());
        await run.InfluxServer.StartAgainAsync();
        run.Struck();
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(run.Processors.Find("going on at its start") is not null, "the log does not name the place that was lost");
        await base.CheckAsync(run, findings);
    }
}
