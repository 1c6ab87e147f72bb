using System.Text;
using Confluent.Kafka;
using Pipeline.Contracts;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>What schedules need of the process.</summary>
/// <param name="SchemaReady">The store is asked when this completes.</param>
sealed record ScheduleTools(ScheduledRuns Runs, TopicProducer Producer, KafkaOptions Kafka, Breakers Breakers, Task SchemaReady);

/// <summary>
/// Submits what is due, as requests of the topic. Every process with the role does it, and each time is one task all the same: its id follows from the schedule, the time and whom it is for, and the row of
/// an id is made once. What a process submitted and did not produce, because it died, a later look of any process produces.
/// </summary>
sealed class ScheduledAnalyses(ScheduleList list, ScheduleTools tools, TimeProvider clock, ILogger<ScheduledAnalyses> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>What was due while nobody ran is done if it is not older than this.</summary>
    static readonly TimeSpan CatchUp = TimeSpan.FromHours(6);

    readonly Dictionary<string, DateTime> _done = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        log.SchedulesRead(list.Schedules.Count, list.File);
        await tools.SchemaReady.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval, clock);
        do
            foreach (var schedule in list.Schedules)
                await LookAsync(schedule, stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    async Task LookAsync(Schedule schedule, CancellationToken stop)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (schedule.Cron.Before(now) is not { } due || due < now - CatchUp || _done.GetValueOrDefault(schedule.Name) == due)
            return;
        try
        {
            var (produced, pending) = (0, 0);
            foreach (var (project, user) in await SubjectsAsync(schedule, due, stop))
            {
                var submission = await SubmitAsync(schedule, due, project, user, stop);
                produced += submission == RunSubmission.Produce ? 1 : 0;
                pending += submission == RunSubmission.Pending ? 1 : 0;
            }
            if (produced > 0)
                log.ScheduleSubmitted(schedule.Name, due, produced);
            // What another process is about to produce is looked at again: it may die before it does.
            if (pending == 0)
                _done[schedule.Name] = due;
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // The next look begins again; what was submitted is known.
            log.ScheduleWaits(schedule.Name, e.Message);
        }
    }

    async Task<IReadOnlyList<(string? ProjectId, string? UserId)>> SubjectsAsync(Schedule schedule, DateTime due, CancellationToken stop)
    {
        var input = schedule.Input;
        if (input.Each == ScheduleEach.None)
            return [(input.ProjectId, input.UserId)];
        var found = await tools.Breakers.Postgres.RunAsync(s => tools.Runs.SubjectsAsync(schedule.Tenant, input.ProjectId, schedule.Window(due), (input.LeastDays, input.LeastUsers), input.Each == ScheduleEach.User, s), stop);
        return [.. found.Select(f => ((string?)f.ProjectId, f.UserId))];
    }

    async Task<RunSubmission> SubmitAsync(Schedule schedule, DateTime due, string? project, string? user, CancellationToken stop)
    {
        var (task, request) = schedule.Request(due, project, user);
        var run = new ScheduledRun(schedule.Name, due, project, user);
        var submission = await tools.Breakers.Postgres.RunAsync(s => tools.Runs.SubmitAsync(task, run, s), stop);
        if (submission == RunSubmission.Produce)
            await tools.Producer.ProduceAsync(Topic(schedule.Tenant).Name, [Message(task.Key, request)], stop);
        return submission;
    }

    /// <summary>Where this tenant's requests are taken as theirs.</summary>
    TopicOptions Topic(string tenant) => tools.Kafka.Requests.FirstOrDefault(t => t.TrustHeaders || t.Tenant == tenant)
        ?? throw new InvalidOperationException($"no topic of requests is tenant {tenant}'s, and none trusts headers");

    Message<byte[], byte[]> Message(TaskKey task, byte[] request)
    {
        var header = new IngestHeader.Template(clock.GetUtcNow().ToUnixTimeMilliseconds(), task.Tenant, null, null, null, null);
        var text = new byte[header.Length(0)];
        header.Write(0, text);
        return new Message<byte[], byte[]> { Key = Encoding.UTF8.GetBytes(task.RequestId), Value = request, Headers = [new Header(Topics.IngestHeaderName, text)] };
    }
}
