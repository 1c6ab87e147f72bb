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
/// an id is made once. Who made it produces it; what is not known to be in the topic a minute later, any process takes over.
/// </summary>
sealed class ScheduledAnalyses(ScheduleList list, ScheduleTools tools, TimeProvider clock, ILogger<ScheduledAnalyses> log) : BackgroundService
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>The last time that was due while nobody ran is done if it is not older than this.</summary>
    public static readonly TimeSpan CatchUp = TimeSpan.FromHours(6);

    const int Batch = 500;

    readonly Dictionary<string, DateTime> _done = [];
    readonly Dictionary<string, Schedule> _schedules = list.Schedules.ToDictionary(s => s.Name, StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        log.SchedulesRead(list.Schedules.Count, list.File);
        await tools.SchemaReady.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            foreach (var schedule in list.Schedules)
                await TryAsync(schedule.Name, () => LookAsync(schedule, stoppingToken), stoppingToken);
            await TryAsync("that was submitted", () => ProduceLeftAsync(stoppingToken), stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    async Task TryAsync(string what, Func<Task> work, CancellationToken stop)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // The next look begins again; what was submitted is known.
            log.ScheduleWaits(what, e.Message);
        }
    }

    async Task LookAsync(Schedule schedule, CancellationToken stop)
    {
        // PostgreSQL's time, one for all: by a clock that is ahead a run would be done, and its id taken, long before its data are there.
        var now = await tools.Breakers.Postgres.RunAsync(tools.Runs.NowAsync, stop);
        if (schedule.Cron.Before(now) is not { } due || due < now - CatchUp || _done.GetValueOrDefault(schedule.Name) == due)
            return;
        // Before any row is made that could not be produced.
        var topic = Topic(schedule.Tenant).Name;
        var (subjects, made) = (await SubjectsAsync(schedule, due, stop), 0);
        foreach (var part in subjects.Chunk(Batch))
        {
            var requests = part.Select(s => (Made: schedule.Request(due, s.ProjectId, s.UserId), Run: new ScheduledRun(schedule.Name, due, s.ProjectId, s.UserId))).ToList();
            var mine = await tools.Breakers.Postgres.RunAsync(s => tools.Runs.SubmitAsync([.. requests.Select(r => (r.Made.Task, r.Run))], s), stop);
            made += mine.Count;
            await ProduceAsync(topic, [.. requests.Select(r => r.Made).Where(r => mine.Contains(r.Task.Key)).Select(r => (r.Task.Key, r.Request))], stop);
        }
        _done[schedule.Name] = due;
        if (made > 0 || subjects.Count == 0)
            log.ScheduleSubmitted(schedule.Name, due, made, subjects.Count);
    }

    async Task<IReadOnlyList<(string? ProjectId, string? UserId)>> SubjectsAsync(Schedule schedule, DateTime due, CancellationToken stop)
    {
        var input = schedule.Input;
        if (input.Each == ScheduleEach.None)
            return [(input.ProjectId, input.UserId)];
        var (from, to) = schedule.Window(due);
        var wanted = new ScheduledSubjects(schedule.Tenant, input.ProjectId, input.LeastDays, input.LeastUsers, input.Each == ScheduleEach.User);
        var found = await tools.Breakers.Postgres.RunAsync(s => tools.Runs.SubjectsAsync(wanted, from, to, s), stop);
        return [.. found.Select(f => ((string?)f.ProjectId, f.UserId))];
    }

    async Task ProduceLeftAsync(CancellationToken stop)
    {
        var left = await tools.Breakers.Postgres.RunAsync(s => tools.Runs.TakeUnproducedAsync(_schedules.Keys, s), stop);
        foreach (var part in left.GroupBy(l => l.Task.Tenant))
        {
            // Of a schedule that was changed meanwhile the request cannot be made again: its task is abandoned as not read.
            var requests = part.Select(l => (l.Digest, Made: _schedules[l.Run.Schedule].Request(l.Run.DueAt, l.Run.ProjectId, l.Run.UserId))).Where(l => l.Made.Task.Digest.AsSpan().SequenceEqual(l.Digest));
            await ProduceAsync(Topic(part.Key).Name, [.. requests.Select(r => (r.Made.Task.Key, r.Made.Request))], stop);
        }
    }

    async Task ProduceAsync(string topic, IReadOnlyCollection<(TaskKey Task, byte[] Request)> requests, CancellationToken stop)
    {
        if (requests.Count == 0)
            return;
        await tools.Producer.ProduceAsync(topic, [.. requests.Select(r => Message(r.Task, r.Request))], stop);
        await tools.Breakers.Postgres.RunAsync(s => tools.Runs.NoteProducedAsync([.. requests.Select(r => r.Task)], s), stop);
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
