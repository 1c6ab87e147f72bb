using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>What executing requests needs of the process.</summary>
/// <param name="Jobs">Takes requests that wait for their turn.</param>
sealed record RequestTools(AnalysisEngine Engine, TaskExecution Tasks, GroupedAdmissions Admissions, RunningTasks Running, ResultProducer Results, RetryLadder Ladder, RetrySchedule Schedule, Breaker Postgres, JobPublisher Jobs,
    AnalysisSettings Settings, ProcessorMetrics Metrics, TimeProvider Clock);

/// <summary>
/// Executes requests of the topic. Everything here may happen twice, after a crash or a rebalance: algorithms change nothing, and of several answers the first one counts.
/// </summary>
sealed class RequestWork(RequestTools tools)
{
    static readonly TimeSpan EngineFullPause = TimeSpan.FromMilliseconds(20), LeasedPause = TimeSpan.FromSeconds(1), ReleaseWithin = TimeSpan.FromSeconds(2);

    /// <summary>Requests of one partition that run at a time: enough to use the cores while some wait for a worker.</summary>
    static readonly int Degree = 2 * Environment.ProcessorCount;

    /// <summary>How long a request may hold its partition that was estimated to be short: what takes longer was estimated wrongly, and goes on among the long ones.</summary>
    TimeSpan HoldMost => tools.Settings.LongFrom * 10 > TimeSpan.FromSeconds(1) ? tools.Settings.LongFrom * 10 : TimeSpan.FromSeconds(1);

    /// <summary>Requests of one partition, in their order. Returns when every outcome is recorded: results are in their topic, failures are RabbitMQ's, long ones wait in a queue of jobs.</summary>
    /// <param name="count">Told what each came to.</param>
    public async Task ExecuteAsync(IReadOnlyList<RequestRecord> requests, Action<string> count, CancellationToken stop)
    {
        // 1. One row a request. What was answered, cancelled or taken by another request is passed over.
        requests = [.. requests.Select(r => r with { IsLong = IsLong(r.Request) })];
        var sorted = new Sorted();
        try
        {
            foreach (var (request, admission) in await AdmitAsync(requests, stop))
                count(sorted.Add(request, admission));
            // 2. Short ones are executed here, a few at a time.
            var outcomes = new AnalysisOutcome[sorted.Run.Count];
            await Parallel.ForEachAsync(Enumerable.Range(0, sorted.Run.Count), new ParallelOptions { MaxDegreeOfParallelism = Degree, CancellationToken = stop },
                async (i, s) => outcomes[i] = await RunAsync(sorted.Run[i], HoldMost, wait: true, s));
            foreach (var (request, outcome) in sorted.Run.Zip(outcomes))
                sorted.Add(request, outcome, HoldMost);
            // 3. Answers are in their topic, and failures and long requests in RabbitMQ, before the caller moves its offset.
            await tools.Results.ProduceAsync(sorted.Answers, stop);
            await FailAsync(sorted.Failed, stop);
            await tools.Postgres.RunAsync(s => tools.Tasks.ReleaseAsync([.. sorted.Jobs.Select(j => j.Task.Key)], s), stop);
            await tools.Jobs.PublishAsync([.. sorted.Jobs.Select(j => (j.Record, j.Task.Priority))], stop);
            foreach (var request in sorted.Aside)
                await tools.Ladder.SetAsideAsync(request.Record, stop);
        }
        catch
        {
            // Nobody died: whoever reads them again need not think so. An admission that failed may have been committed all the same.
            await ReleaseAsync([.. requests.Select(r => r.Task.Key)]);
            throw;
        }
    }

    /// <summary>Of several requests of one id each gets its own word, one after the other: the row belongs to one of them, and the others are conflicts, or the same once more.</summary>
    async Task<List<(RequestRecord, Admission)>> AdmitAsync(IReadOnlyList<RequestRecord> requests, CancellationToken stop)
    {
        var admissions = new Dictionary<(TaskKey, UInt128), Admission>();
        static (TaskKey, UInt128) Of(RequestRecord r) => (r.Task.Key, System.Runtime.InteropServices.MemoryMarshal.Read<UInt128>(r.Task.Digest));
        var result = new List<(RequestRecord, Admission)>();
        for (var left = requests.DistinctBy(Of).ToList(); left.Count > 0;)
        {
            var now = left.DistinctBy(r => r.Task.Key).ToList();
            var words = await tools.Admissions.AdmitAsync([.. now.Select(r => (r.Task, r.Request is not null && !r.IsLong))], stop);
            foreach (var (request, word) in now.Zip(words))
                admissions[Of(request)] = word;
            left.RemoveAll(now.Contains);
        }
        foreach (var request in requests)
        {
            result.Add((request, admissions[Of(request)]));
            // The same request again within these.
            if (admissions[Of(request)] == Admission.Execute)
                admissions[Of(request)] = Admission.Ended;
        }
        return result;
    }

    bool IsLong(AnalysisRequest? request) => request is not null && tools.Engine.CostOf(request) > tools.Settings.LongFrom;

    /// <summary>A request that came back from RabbitMQ: from the ladder, from a queue of jobs, or from among those that are tried alone.</summary>
    /// <param name="alone">Whether it may end the process without harm to others. Else one whose executing process vanished is put among those.</param>
    /// <exception cref="RecordFailedException">This attempt failed; the ladder goes on with it.</exception>
    /// <exception cref="NotTriedException">Another process executes it, or there is no room now.</exception>
    public async Task ExecuteAsync(FailedRecord record, bool alone, CancellationToken stop)
    {
        var request = RequestRecord.Read(record);
        if (!tools.Engine.HasRoom)
            throw new NotTriedException("The engine is full.", EngineFullPause);
        try
        {
            await ExecuteAsync(request, record, alone, stop);
        }
        catch (Exception e) when (e is not NotTriedException && !stop.IsCancellationRequested && FailureClassifier.Classify(e) is { Kind: FailureKind.Transient, Dependency: not null })
        {
            // The engine never throws: a store or the broker is away, as a breaker would say if it knew it already. No attempt of the request.
            throw new NotTriedException(e.Message, Backoff.After(0), e);
        }
    }

    async Task ExecuteAsync(RequestRecord request, FailedRecord record, bool alone, CancellationToken stop)
    {
        switch (await ClaimAsync(request, alone, stop))
        {
            case Claim.Ended:
                return;
            case Claim.Leased:
                throw new NotTriedException("Another process executes it.", LeasedPause);
            case Claim.Vanished:
                await tools.Ladder.SetAsideAsync(record, stop);
                return;
        }
        try
        {
            var outcome = request.Fault is { } fault ? new AnalysisOutcome(default, fault, null) : await RunAsync(request, tools.Settings.JobTimeoutMax, wait: false, stop);
            if (outcome.Fault is null)
                await tools.Results.ProduceAsync([Sorted.Answer(request, outcome)], stop);
            else if (outcome.Fault.Reason == AnalysisFaultCode.Overloaded)
                throw new NotTriedException(outcome.Fault.Message, EngineFullPause);
            else if (outcome.Fault.Reason != AnalysisFaultCode.Cancelled)
            {
                var cause = RequestOutcome.Cause(outcome.Fault, request.Request);
                await NoteRetriesAsync([(request, cause, record.Attempt + 1)], stop);
                throw new RecordFailedException(cause);
            }
        }
        catch (Exception e) when (e is not RecordFailedException)
        {
            await ReleaseAsync([request.Task.Key]);
            throw;
        }
    }

    /// <summary>Whether a request that comes from the ladder is to wait for its turn among the jobs.</summary>
    public bool IsJob(FailedRecord record) => IsLong(RequestRecord.Read(record).Request);

    async Task<Claim> ClaimAsync(RequestRecord request, bool takeOver, CancellationToken stop)
    {
        var claim = await tools.Postgres.RunAsync(s => tools.Tasks.ClaimAsync(request.Task, takeOver, s), stop);
        if (claim != Claim.Missing)
            return claim;
        // Forgotten by age, while it waited.
        await tools.Admissions.AdmitAsync([(request.Task, false)], stop);
        return await tools.Postgres.RunAsync(s => tools.Tasks.ClaimAsync(request.Task, takeOver, s), stop);
    }

    /// <param name="most">Bounds the request's own timeout.</param>
    /// <param name="wait">Whether a full engine is waited for: the partition then goes no faster than the engine.</param>
    async Task<AnalysisOutcome> RunAsync(RequestRecord request, TimeSpan most, bool wait, CancellationToken stop)
    {
        var options = request.Request!.Options;
        var bounded = request.Request with { Tenant = request.Task.Key.Tenant, Options = options with { TimeoutMs = Math.Min(options.TimeoutMs, (int)most.TotalMilliseconds) } };
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

    /// <summary>
    /// First attempts that failed. Nothing is answered here: a request is abandoned when its dead letter is stored (<see cref="DeadRequests"/>). Answered before, a crash in between would leave an
    /// abandoned request without its letter, because whoever reads it again finds that it has ended.
    /// </summary>
    async Task FailAsync(IReadOnlyCollection<(RequestRecord Request, FailureCause Cause)> failed, CancellationToken stop)
    {
        await NoteRetriesAsync([.. failed.Select(f => (f.Request, f.Cause, f.Request.Record.Attempt + 1))], stop);
        await tools.Ladder.FailAsync([.. failed.Select(f => f.Request.Record.Again(f.Cause, tools.Clock.GetUtcNow()))], stop);
    }

    /// <summary>The rows of those that are tried again say so.</summary>
    Task NoteRetriesAsync(IEnumerable<(RequestRecord Request, FailureCause Cause, int Attempt)> failed, CancellationToken stop) => tools.Postgres.RunAsync(
        s => tools.Tasks.RetryAsync([.. failed.Where(f => tools.Schedule.Next(f.Attempt, f.Cause).Delay is not null).Select(f => f.Request.Task.Key)], s), stop);

    /// <summary>What was begun here and did not end is nobody's again. If even that fails, the leases run out.</summary>
    async Task ReleaseAsync(IReadOnlyCollection<TaskKey> tasks)
    {
        using var deadline = new CancellationTokenSource(ReleaseWithin, tools.Clock);
        try
        {
            await tools.Postgres.RunAsync(s => tools.Tasks.ReleaseAsync(tasks, s), deadline.Token);
        }
        catch (Exception)
        {
            // What is thrown on says what happened.
        }
    }

    /// <summary>What the requests of a stretch come to.</summary>
    sealed class Sorted
    {
        public List<RequestRecord> Run { get; } = [];

        public List<RequestRecord> Jobs { get; } = [];

        public List<RequestRecord> Aside { get; } = [];

        public List<(TaskKey, byte[])> Answers { get; } = [];

        public List<(RequestRecord Request, FailureCause Cause)> Failed { get; } = [];

        /// <returns>For the metrics.</returns>
        public string Add(RequestRecord request, Admission admission)
        {
            switch (admission)
            {
                case Admission.Ended:
                    return "ended_before";
                case Admission.Conflict:
                    Failed.Add((request, RequestOutcome.Conflict));
                    return "conflict";
                case Admission.TooLate:
                    Failed.Add((request, RequestOutcome.TooLate));
                    return "too_late";
                case Admission.TriedAlone:
                    // By a life that ended before this record's offset was committed.
                    return "set_aside_before";
                case Admission.Begun:
                    // Whoever began may have died of it: it is tried alone, where that ends as a dead letter.
                    Aside.Add(request);
                    return "set_aside";
                case var _ when request.Fault is { } fault:
                    Failed.Add((request, RequestOutcome.Cause(fault, request.Request)));
                    return "invalid";
                case var _ when request.IsLong:
                    Jobs.Add(request);
                    return "job";
                default:
                    Run.Add(request);
                    return "executed";
            }
        }

        /// <param name="held">What an execution might take here.</param>
        public void Add(RequestRecord request, AnalysisOutcome outcome, TimeSpan held)
        {
            if (outcome.Fault is not { } fault)
                Answers.Add(Answer(request, outcome));
            else if (fault.Reason == AnalysisFaultCode.Timeout && request.Request!.Options.TimeoutMs > held.TotalMilliseconds)
                // Taken for a short one, which it is not: no attempt of its own time.
                Jobs.Add(request);
            else if (fault.Reason != AnalysisFaultCode.Cancelled)
                Failed.Add((request, RequestOutcome.Cause(fault, request.Request)));
        }

        public static (TaskKey, byte[]) Answer(RequestRecord request, AnalysisOutcome outcome) => (request.Task.Key, RequestOutcome.Result(request.Task.Key, outcome, request.Record.Attempt + 1));
    }
}
