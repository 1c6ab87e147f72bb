using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>One record that makes the reading of it fail. It alone becomes a dead letter.</summary>
abstract class Poison(string name, int usualSeconds, string action, string reason) : Fault(name, usualSeconds)
{
    protected const string Marker = "poison-user";

    public override (string, string)[] ProcessorsSettings => [("PIPELINE_ARMED_RECORD", $"{action}:{Marker}")];

    protected SentEvent? Sent { get; private set; }

    protected void Send(FaultRun run)
    {
        Sent = new Traffic(run.Random).Next(named: true, invalidShare: 0, user: Marker);
        run.Load.Direct.Send(Sent);
    }

    protected static Task<List<string>> ReasonsAsync(FaultRun run) => run.Database.RowsAsync("SELECT reason FROM rev_1.dead_letters WHERE kind = 'fatal'", r => r.GetString(0));

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        var reasons = await ReasonsAsync(run);
        findings.Expect(reasons.SequenceEqual([reason]), $"expected one dead letter of reason {reason}, there are: {string.Join(", ", reasons)}");
    }
}

sealed class RecordThrows() : Poison("a record that throws", 15, "THROW", "processor_failed")
{
    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_dead_letters_total", "reason=\"processor_failed\""), Sign.DeadLetters(Sign.EventsPostgres)];

    public override Task InjectAsync(FaultRun run)
    {
        Send(run);
        return Task.CompletedTask;
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        await base.CheckAsync(run, findings);
        await FenceLog.CheckDelayAsync(run, findings, DateTime.UtcNow);
    }
}

/// <summary>Every process that reads it ends; a supervisor starts the next. After six deaths it is a dead letter, unread.</summary>
sealed class RecordEndsTheProcess(string name, int usualSeconds, string action, (string, string)? setting = null) : Poison(name, usualSeconds, action, "killed_processor")
{
    const int DeathsMin = 6, DeathsMax = 8;

    int _deaths;

    public override LoadShape Load => new() { BatchesPerSecond = 3, DirectPerSecond = 60 };

    public override (string, string)[] ProcessorsSettings => setting is { } one ? [.. base.ProcessorsSettings, one] : base.ProcessorsSettings;

    public override bool SaysWhenItStruck => true;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(Sign.Processors)];

    public override async Task InjectAsync(FaultRun run)
    {
        Send(run);
        while (!(await ReasonsAsync(run)).Contains("killed_processor"))
        {
            if (run.Processors.HasExited)
            {
                if (_deaths++ == 0)
                    run.Struck();
                await Task.Delay(400);
                await run.StartProcessorsAsync();
            }
            await Task.Delay(100);
        }
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        Seeds.Say($"{_deaths} processes died");
        findings.Expect(_deaths is >= DeathsMin and <= DeathsMax, $"{_deaths} processes died, not {DeathsMin} to {DeathsMax}");
        findings.Expect(await run.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.offsets WHERE tries > 0 OR trying IS NOT NULL") == 0, "a log is still held to be dangerous");
        await base.CheckAsync(run, findings);
    }
}

/// <summary>A tenant with a topic of its own floods it with events that can never be valid: all are dead letters of its own, and nobody else waits.</summary>
sealed class Flood() : Fault("flood of invalid events from one tenant", 25)
{
    const string Tenant = "noisy";
    const int PerSecond = 2000;
    static readonly TimeSpan Lasts = TimeSpan.FromSeconds(5);

    string _topicName = "";
    TestTopic? _topic;
    int _sent;

    public override (string, string)[] ProcessorsSettings =>
        [("Pipeline__Kafka__EventTopics__1__Name", _topicName), ("Pipeline__Kafka__EventTopics__1__Tenant", Tenant), ("Pipeline__Kafka__EventTopics__1__TrustHeaders", "false")];

    public override IReadOnlyList<Sign> Signs => [Sign.Grows(Sign.Processors, "pipeline_process_dead_letters_total", "reason=\"missing_field\""), Sign.DeadLetters(Sign.EventsPostgres)];

    public override async Task PrepareAsync(FaultRun run)
    {
        _topicName = $"{run.Topic.Name}-noisy";
        _topic = await TestTopic.CreateAsync(_topicName, FaultRun.Partitions, run.Brokers);
    }

    public override async Task InjectAsync(FaultRun run)
    {
        var traffic = new Traffic(run.Random);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var slice = 0; slice < Lasts.TotalMilliseconds / 50; slice++)
        {
            for (var i = 0; i < PerSecond / 20; i++, _sent++)
                run.Load.Direct.Send(traffic.Next(named: true, invalidShare: 1), _topicName);
            await timer.WaitForNextTickAsync();
        }
    }

    public override async Task CheckAsync(FaultRun run, Findings findings)
    {
        await run.StoredUpToAsync(await _topic!.EndsAsync(), TimeSpan.FromSeconds(60), _topicName);
        var dead = await run.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.dead_letters WHERE tenant = $1 AND reason = 'missing_field'", Tenant);
        findings.Expect(dead == _sent, $"{dead} dead letters of the flood of {_sent}");
        await FenceLog.CheckDelayAsync(run, findings, run.StruckAtUtc + Lasts);
    }

    public override async Task CleanAsync(Lane lane)
    {
        if (_topic is not null)
            await _topic.DisposeAsync();
    }
}
