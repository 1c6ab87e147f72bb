using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>What executing requests needs of the process.</summary>
/// <param name="Jobs">Takes requests that wait for their turn.</param>
sealed record RequestTools(AnalysisEngine Engine, TaskExecution Tasks, RunningTasks Running, ResultProducer Results, RetryLadder Ladder, RetrySchedule Schedule, Breaker Postgres, JobPublisher Jobs,
    AnalysisSettings Settings, ProcessorMetrics Metrics, TimeProvider Clock);

/// <summary>
/// Executes requests of the topic. Everything here may happen twice, after a crash or a rebalance: algorithms change nothing, and of several answers the first one counts.
/// </summary>
sealed class RequestWork(RequestTools tools)
{
    static readonly TimeSpan EngineFullPause = TimeSpan.FromMilliseconds(20), LeasedPause = TimeSpan.FromSeconds(1);

    /// <summary>Requests of one partition that run at a time: enough to use the cores while some wait for a worker.</summary>
    static readonly int Degree = 2 * Environment.ProcessorCount;

    /// <summary>Of a batch: what each request came to, in its order.</summary>
    /// <returns>When every outcome is recorded: results are in their topic, failures are RabbitMQ's, long ones wait in a queue of jobs.</returns>
    public async Task ExecuteAsync(IReadOnlyList<RequestRecord> requests, Action<string> count, CancellationToken stop)
    {
        // 1. One row a request. What was answered, cancelled or taken by another request is passed over.
        requests = [.. requests.Select(r => r with { IsLong = IsLong(r.Request) })];
        var first = requests.DistinctBy(r => r.Task.Key).ToList();
        var admissions = await tools.Postgres.RunAsync(s => tools.Tasks.AdmitAsync([.. first.Select(r => (r.Task, r.Request is not null && !r.IsLong))], s), stop);
        var admitted = first.Zip(admissions, (request, admission) => (Request: request, Admission: admission)).ToDictionary(a => a.Request.Task.Key);
        var (run, jobs, aside, failed) = (new List<RequestRecord>(), new List<RequestRecord>(), new List<RequestRecord>(), new List<Failed>());
        foreach (var request in requests)
        {
            var (known, admission) = admitted[request.Task.Key];
            if (!ReferenceEquals(request, known))
                admission = request.Task.Digest.AsSpan().SequenceEqual(known.Task.Digest) ? Admission.Ended : Admission.Conflict;
            count(Sort(request, admission, run, jobs, aside, failed));
        }
        // 2. Short ones are executed here, a few at a time.
        var outcomes = new AnalysisOutcome[run.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, run.Count), new ParallelOptions { MaxDegreeOfParallelism = Degree, CancellationToken = stop },
            async (i, s) => outcomes[i] = await RunAsync(run[i], wait: true, s));
        failed.AddRange(run.Zip(outcomes).Where(o => o.Second.Fault is not null && o.Second.Fault.Reason != AnalysisFaultCode.Cancelled).Select(o => new Failed(o.First, o.Second)));
        // 3. Answers are in their topic, and failures and long requests in RabbitMQ, before the caller moves its offset.
        await tools.Results.ProduceAsync([.. run.Zip(outcomes).Where(o => o.Second.Fault is null).Select(o => Answer(o.First, o.Second))], stop);
        await FailAsync(failed, stop);
        await tools.Jobs.PublishAsync([.. jobs.Select(j => (j.Record, j.Task.Priority))], stop);
        foreach (var request in aside)
            await tools.Ladder.SetAsideAsync(request.Record, stop);
    }

    readonly record struct Failed(RequestRecord Request, AnalysisOutcome? Outcome)
    {
        public FailureCause Cause => Outcome?.Fault is { } fault ? RequestOutcome.Cause(fault, Request.Request) : RequestOutcome.Conflict;
    }

    bool IsLong(AnalysisRequest? request) => request is not null && tools.Engine.CostOf(request) > tools.Settings.LongFrom;

    string Sort(RequestRecord request, Admission admission, List<RequestRecord> run, List<RequestRecord> jobs, List<RequestRecord> aside, List<Failed> failed)
    {
        switch (admission)
        {
            case Admission.Ended:
                return "ended_before";
            case Admission.Conflict:
                failed.Add(new Failed(request, null));
                return "conflict";
            case Admission.Begun:
                // Whoever began may have died of it: it is tried alone, where that ends as a dead letter.
                aside.Add(request);
                return "set_aside";
            case var _ when request.Fault is { } fault:
                failed.Add(new Failed(request, new AnalysisOutcome(default, fault, null)));
                return "invalid";
            case var _ when request.IsLong:
                jobs.Add(request);
                return "job";
            default:
                run.Add(request);
                return "executed";
        }
    }

    /// <summary>A request that came back from RabbitMQ: from the ladder, from a queue of jobs, or from among those that are tried alone.</summary>
    /// <param name="alone">Whether it may end the process without harm to others. Else one whose executing process vanished is put among those.</param>
    /// <exception cref="RecordFailedException">This attempt failed; the ladder goes on with it.</exception>
    /// <exception cref="NotTriedException">Another process executes it, or there is no room now.</exception>
    public async Task ExecuteAsync(FailedRecord record, bool alone, CancellationToken stop)
    {
        var request = RequestRecord.Read(record);
        var claim = await ClaimAsync(request, alone, stop);
        if (claim == Claim.Ended)
            return;
        if (claim == Claim.Leased)
            throw new NotTriedException("Another process executes it.", LeasedPause);
        if (claim == Claim.Vanished)
        {
            await tools.Ladder.SetAsideAsync(record, stop);
            return;
        }
        var outcome = request.Fault is { } fault ? new AnalysisOutcome(default, fault, null) : await RunAsync(request, wait: false, stop);
        if (outcome.Fault is null)
            await tools.Results.ProduceAsync([Answer(request, outcome)], stop);
        else if (outcome.Fault.Reason == AnalysisFaultCode.Overloaded)
            throw new NotTriedException(outcome.Fault.Message, EngineFullPause);
        else if (outcome.Fault.Reason != AnalysisFaultCode.Cancelled)
        {
            var cause = RequestOutcome.Cause(outcome.Fault, request.Request);
            await NoteRetriesAsync([(request, cause, record.Attempt + 1)], stop);
            throw new RecordFailedException(cause);
        }
    }

    /// <summary>Whether a request that comes from the ladder is to wait for its turn among the jobs.</summary>
    public bool IsJob(FailedRecord record) => IsLong(RequestRecord.Read(record).Request);

    async Task<Claim> ClaimAsync(RequestRecord request, bool takeOver, CancellationToken stop)
    {
        var claim = await tools.Postgres.RunAsync(s => tools.Tasks.ClaimAsync(request.Task.Key, takeOver, s), stop);
        if (claim != Claim.Missing)
            return claim;
        // Forgotten by age, while it waited.
        await tools.Postgres.RunAsync(s => tools.Tasks.AdmitAsync([(request.Task, false)], s), stop);
        return await tools.Postgres.RunAsync(s => tools.Tasks.ClaimAsync(request.Task.Key, takeOver, s), stop);
    }

    /// <param name="wait">Whether a full engine is waited for: the partition then goes no faster than the engine.</param>
    async Task<AnalysisOutcome> RunAsync(RequestRecord request, bool wait, CancellationToken stop)
    {
        var options = request.Request!.Options;
        var bounded = request.Request with { Tenant = request.Task.Key.Tenant, Options = options with { TimeoutMs = Math.Min(options.TimeoutMs, (int)tools.Settings.JobTimeoutMax.TotalMilliseconds) } };
        return await tools.Running.RunAsync(request.Task.Key, async cancel =>
        {
            while (true)
            {
                var outcome = await RunOnceAsync(bounded, request.Record.Value, cancel);
                stop.ThrowIfCancellationRequested();
                if (!wait || outcome.Fault?.Reason != AnalysisFaultCode.Overloaded)
                    return outcome;
                await Task.Delay(EngineFullPause, tools.Clock, stop);
            }
        }, stop);
    }

    async Task<AnalysisOutcome> RunOnceAsync(AnalysisRequest request, byte[]? record, CancellationToken cancel)
    {
        try
        {
            ArmedRecords.Read(record);
            return RequestOutcome.Bounded(await tools.Engine.ExecuteAsync(request, cancel));
        }
        catch (Exception e) when (!cancel.IsCancellationRequested && e is not OutOfMemoryException)
        {
            // The engine never throws: a bug of ours, and this request's own loss alone. It may be the moment's, so that the ladder decides.
            return AnalysisOutcome.Failed(AnalysisFaultCode.Unavailable, $"{request.Algorithm}: {e.GetType().Name}: {e.Message}");
        }
    }

    static (TaskKey, byte[]) Answer(RequestRecord request, AnalysisOutcome outcome) => (request.Task.Key, RequestOutcome.Result(request.Task.Key, outcome, request.Record.Attempt + 1));

    /// <summary>
    /// First attempts that failed. Nothing is answered here: a request is abandoned when its dead letter is stored (<see cref="DeadRequests"/>). Answered before, a crash in between would leave an
    /// abandoned request without its letter, because whoever reads it again finds that it has ended.
    /// </summary>
    async Task FailAsync(IReadOnlyCollection<Failed> failed, CancellationToken stop)
    {
        await NoteRetriesAsync([.. failed.Select(f => (f.Request, f.Cause, f.Request.Record.Attempt + 1))], stop);
        await tools.Ladder.FailAsync([.. failed.Select(f => f.Request.Record.Again(f.Cause, tools.Clock.GetUtcNow()))], stop);
    }

    /// <summary>The rows of those that are tried again say so.</summary>
    Task NoteRetriesAsync(IEnumerable<(RequestRecord Request, FailureCause Cause, int Attempt)> failed, CancellationToken stop) => tools.Postgres.RunAsync(
        s => tools.Tasks.RetryAsync([.. failed.Where(f => tools.Schedule.Next(f.Attempt, f.Cause).Delay is not null).Select(f => f.Request.Task.Key)], s), stop);
}
