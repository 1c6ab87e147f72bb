using Pipeline.Contracts;

namespace Pipeline.Processors.Analysis.Python;

enum PythonStatus
{
    Off,
    Starting,
    Ready,

    /// <summary>The zygote ended and is started again.</summary>
    Restarting,

    /// <summary>No interpreter has the packages.</summary>
    Unavailable,
}

/// <summary>What <c>/health</c> shows of Python.</summary>
sealed record PythonState(PythonStatus Status, string Reason)
{
    public string? Interpreter { get; init; }

    /// <summary>The zygote's process.</summary>
    public int? Process { get; init; }

    public string? Version { get; init; }

    public IReadOnlyDictionary<string, string>? Libraries { get; init; }

    /// <summary>The level in force: processes, network, files, system_calls.</summary>
    public IReadOnlyDictionary<string, string>? Isolation { get; init; }

    public int Restarts { get; init; }
}

/// <summary>
/// Runs Python algorithms in processes of their own, and keeps what runs them: finds an interpreter, starts the zygote and starts it again, looks at the algorithms' folder,
/// keeps the workers. A call never throws for what an algorithm, a worker or its caller does.
/// </summary>
sealed class PythonEngine(PythonOptions options, TimeProvider clock, ILogger<PythonEngine> log) : BackgroundService
{
    static readonly TimeSpan AgainAfterMin = TimeSpan.FromMilliseconds(100), AgainAfterMax = TimeSpan.FromSeconds(30), LookAgainAfter = TimeSpan.FromMinutes(1);

    /// <summary>Timers know no longer time than some weeks.</summary>
    static readonly TimeSpan DeadlineMax = TimeSpan.FromDays(1);

    const int TriesMax = 3;

    readonly WorkerPool _pool = new(options, clock, log);
    readonly AlgorithmCatalogue _catalogue = new(options.FindFolder() is { } found ? options.AlgorithmsIn(found) : "/nowhere");
    readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    volatile PythonState _state = options.Python == PythonUse.Off ? new(PythonStatus.Off, "Pipeline:Analysis:Python is off") : new(PythonStatus.Starting, "looking for an interpreter");
    int _restarts;

    public PythonState State => _state;

    public WorkerPool Pool => _pool;

    public AlgorithmCatalogue Catalogue => _catalogue;

    /// <summary>Completes when the algorithms' folder was read for the first time, or when it is known that Python did not start.</summary>
    public Task Ready => _ready.Task;

    public async Task<PythonOutcome> CallAsync(PythonCall call, CancellationToken stop)
    {
        if (_state.Status is PythonStatus.Off or PythonStatus.Unavailable)
            return PythonOutcome.Failed(PythonErrorCode.Unavailable, _state.Reason);
        if (call.ArrayBytes > options.PythonArrayBytesMax)
            return PythonOutcome.Failed(PythonErrorCode.InputTooLarge, $"{call.ArrayBytes} bytes of numbers; at most {options.PythonArrayBytesMax} are allowed");
        var (began, deadline) = (clock.GetTimestamp(), call.Deadline < DeadlineMax ? call.Deadline : DeadlineMax);
        for (var tries = 1; ; tries++)
        {
            // 1. What it is. A name that came since the last look is found by its file being looked at now and then, not here.
            if (!_catalogue.Entries.TryGetValue(call.Algorithm, out var entry))
                return Unknown(call.Algorithm);
            // 2. Who runs it, within the same deadline.
            var left = deadline - clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
                return PythonOutcome.Failed(PythonErrorCode.Timeout, "the deadline had passed before the call began");
            var (worker, error) = await _pool.RentAsync(left, stop);
            if (worker is null)
                return new PythonOutcome(null, error);
            // 3. The call. Its worker goes back before anyone learns of the outcome.
            PythonOutcome outcome;
            bool begun;
            try
            {
                left = deadline - clock.GetElapsedTime(began);
                outcome = left > TimeSpan.Zero ? await worker.CallAsync(entry, call, left, stop) : PythonOutcome.Failed(PythonErrorCode.Timeout, "no time was left for the call");
                begun = worker.BeganItsCall;
            }
            finally
            {
                _pool.Return(worker);
            }
            // 4. A worker that died idle costs no call, and a file that changed meanwhile is looked at again.
            if (tries >= TriesMax || (outcome.Error?.Code, begun) is not ((PythonErrorCode.Changed, _) or (PythonErrorCode.Crashed or PythonErrorCode.ProtocolError, false)))
                return outcome with { Version = entry.Algorithm.Version };
            if (outcome.Error!.Code == PythonErrorCode.Changed)
                await DiscoverAsync(entry.File, stop);
        }
    }

    PythonOutcome Unknown(string name)
    {
        var near = string.Join(", ", NearNames.Like(name, _catalogue.Entries.Keys));
        return PythonOutcome.Failed(PythonErrorCode.UnknownAlgorithm, $"there is no Python algorithm {NearNames.Shown(name)}{(near.Length > 0 ? $"; near: {near}" : "")}");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Python == PythonUse.Off)
        {
            _ready.TrySetResult();
            return;
        }
        // Not in the way of the host's start.
        await Task.Yield();
        var keeping = _pool.KeepAsync(stoppingToken);
        for (var pause = AgainAfterMin; !stoppingToken.IsCancellationRequested; pause = pause * 2 < AgainAfterMax ? pause * 2 : AgainAfterMax)
        {
            try
            {
                if (await FindAsync(stoppingToken) is not var (folder, interpreter))
                {
                    // Packages may be installed while we run.
                    await Task.Delay(LookAgainAfter, clock, stoppingToken);
                    continue;
                }
                var started = clock.GetTimestamp();
                await using var zygote = await Zygote.StartAsync(interpreter, folder, options, clock, stoppingToken);
                await RunAsync(zygote, interpreter, stoppingToken);
                if (clock.GetElapsedTime(started) > AgainAfterMax)
                    pause = AgainAfterMin;
                Restarting(await zygote.Ended, pause);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or System.Net.Sockets.SocketException)
            {
                Restarting(e.Message, pause);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        _pool.End();
        await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    async Task<(string Folder, string Interpreter)?> FindAsync(CancellationToken stop)
    {
        var folder = options.FindFolder();
        var found = folder is null ? new Interpreter(null, "worker.py was not found; PythonFolder may name its folder") : await InterpreterSearch.FindAsync(options.PythonInterpreter, folder, clock, stop);
        if (found.Path is { } path)
            return (folder!, path);
        if (_state.Status != PythonStatus.Unavailable)
            log.PythonUnavailable(found.Reason);
        _state = new(PythonStatus.Unavailable, found.Reason);
        _ready.TrySetResult();
        return null;
    }

    /// <summary>Until the zygote ends: looks at the folder again and again.</summary>
    async Task RunAsync(Zygote zygote, string interpreter, CancellationToken stop)
    {
        var hello = zygote.Hello;
        _pool.Begin(zygote);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(zygote.Gone, stop);
        try
        {
            using var timer = new PeriodicTimer(options.PythonWatchInterval, clock);
            // Not before: until the folder was read, a name that is not known may be one of Python's.
            while (!await LookAsync(either.Token))
                await timer.WaitForNextTickAsync(either.Token);
            _state = new(PythonStatus.Ready, "") { Interpreter = interpreter, Process = zygote.ProcessId, Version = hello.Python, Libraries = hello.Libraries, Isolation = hello.Isolation, Restarts = _restarts };
            log.PythonReady(hello.Python, interpreter, Words(hello.Libraries), Words(hello.Isolation));
            _ready.TrySetResult();
            while (await timer.WaitForNextTickAsync(either.Token))
                await LookAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // The zygote ended.
        }
        finally
        {
            _pool.End();
        }
    }

    /// <returns>False where the folder could not be read.</returns>
    async Task<bool> LookAsync(CancellationToken stop)
    {
        IReadOnlyList<string> files;
        bool others;
        try
        {
            (files, others) = _catalogue.Changes();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It changes while we look, or cannot be read: at the next look.
            return false;
        }
        if (others)
            _pool.Renew();
        foreach (var file in files)
            await DiscoverAsync(file, stop);
        return true;
    }

    /// <summary>Asks a worker what a file holds. What importing it does, be it a crash, is the file's own fault and costs no other.</summary>
    async Task DiscoverAsync(string file, CancellationToken stop)
    {
        if (!_catalogue.Holds(file))
        {
            _catalogue.Gone(file);
            return;
        }
        var (worker, error) = await _pool.RentAsync(options.PythonImportTimeout, stop);
        Reply? reply = null;
        if (worker is not null)
        {
            try
            {
                error = (await worker.DiscoverAsync(file, options.PythonImportTimeout, r => reply = r, stop)).Error;
            }
            finally
            {
                _pool.Return(worker);
            }
        }
        if (error is null && reply is { Digest: { } digest, Algorithms: { } algorithms })
        {
            _catalogue.Found(file, digest, algorithms);
            log.AlgorithmsFound(file, string.Join(", ", algorithms.Select(a => a.Name)));
        }
        else if (error?.Code is not (PythonErrorCode.Cancelled or PythonErrorCode.Busy or PythonErrorCode.Unavailable))
        {
            var reason = error is null ? "the worker did not say what it holds" : $"{error.Message}{(error.Output is { Length: > 0 } said ? $" ({said.Trim().Split('\n')[^1]})" : "")}";
            log.AlgorithmsRefused(file, reason);
            // On a busy machine an import may take longer than it is given: such a file is asked again, though not for ever.
            _catalogue.Failed(file, reason, isLate: error?.Code == PythonErrorCode.Timeout);
        }
        else
        {
            _catalogue.Forget(file);
        }
    }

    void Restarting(string reason, TimeSpan pause)
    {
        _restarts++;
        log.ZygoteEnded(pause.TotalSeconds, reason);
        _state = _state with { Status = PythonStatus.Restarting, Reason = reason, Process = null, Restarts = _restarts };
        _ready.TrySetResult();
    }

    static string Words(IReadOnlyDictionary<string, string> pairs) => string.Join(", ", pairs.Select(p => $"{p.Key} {p.Value}"));
}
