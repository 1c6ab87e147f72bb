using System.Buffers;
using System.Text.Json;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Native;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Analysis;

/// <summary>
/// Executes analyses, whoever asks: the topic, gRPC, HTTP. A request goes through one method from top to bottom: which algorithm, is there room, is the result known, run, remember.
/// </summary>
sealed class AnalysisEngine(AnalysisSettings settings, PythonEngine python, ResultCache cache, TimeProvider clock, ILogger<AnalysisEngine> log) : IAnalysisEngine
{
    /// <summary>From here a kernel is worth a thread of its own; below, starting one would cost as much. One that takes everything from its parameters cannot be estimated, and gets one.</summary>
    static readonly TimeSpan Long = TimeSpan.FromMilliseconds(5);

    readonly AlgorithmRegistry _registry = new(python);
    readonly CostCorrections _costs = new();

    /// <summary>Long kernels run on as many threads as there are cores: threads of the pool are what stores and brokers are waited for with.</summary>
    readonly SemaphoreSlim _cores = new(Environment.ProcessorCount);
    int _running;

    public IReadOnlyList<AlgorithmDescription> Algorithms => _registry.All;

    /// <summary>Requests that are being executed, those included whose caller has already been answered with a timeout.</summary>
    public int Running => _running;

    /// <summary>Whether one more would be executed now.</summary>
    public bool HasRoom => _running < settings.MaxConcurrent;

    /// <summary>About what a request takes: the algorithm's own estimate, corrected by how it did before. Zero for what cannot be asked for, which fails at once.</summary>
    public TimeSpan CostOf(AnalysisRequest request)
    {
        try
        {
            var algorithm = _registry.Choose(request).Description;
            return algorithm.Cost.Of(request.Input is EventsInput stored ? StoredInputs.Estimate(stored) : Count(request.Input)) * _costs.Correction(algorithm.Name);
        }
        catch (AnalysisException)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary>Null where no store is at hand.</summary>
    public SharedCache? Shared { get; init; }

    /// <summary>Null where no store is at hand: then <c>input.events</c> is refused.</summary>
    public StoredInputs? Stored { get; init; }

    /// <summary>Counts what is executed here.</summary>
    public ProcessorMetrics? Metrics { get; init; }

    public async Task<AnalysisOutcome> ExecuteAsync(AnalysisRequest request, CancellationToken stop)
    {
        var outcome = await TryAsync(request, stop);
        // A name that nobody has would be a label of the sender's choice.
        Metrics?.Analysed(outcome.Metadata is null ? "unknown" : request.Algorithm, outcome);
        return outcome;
    }

    async Task<AnalysisOutcome> TryAsync(AnalysisRequest request, CancellationToken stop)
    {
        var began = clock.GetTimestamp();
        try
        {
            // 1. Who does it, and on what. What cannot be asked for is told before anything is reserved.
            var chosen = _registry.Choose(request);
            (request, var events) = await WithStoredAsync(request, stop);
            CheckInput(chosen.Description, request);
            var n = Count(request.Input);
            var metadata = new AnalysisMetadata(chosen.Engine, chosen.Description.Version, TimeSpan.Zero, n) { Events = events };
            // 2. Whether it was done before.
            var key = cache.Concerns(chosen.Description, n) ? CacheKey.Of(chosen.Code, chosen.Description, request.Parameters, request.Input) : (CacheKey?)null;
            var shared = key is not null && Shared is { } others && others.Concerns(chosen.Description.Cost.Of(n)) ? others : null;
            if (key is { } known && await RememberedAsync(known, request.Algorithm, shared, stop) is { } remembered)
                return new AnalysisOutcome(remembered, null, metadata with { Duration = clock.GetElapsedTime(began), IsCached = true });
            // 3. Whether there is room.
            if (Interlocked.Increment(ref _running) > settings.MaxConcurrent)
            {
                Interlocked.Decrement(ref _running);
                return AnalysisOutcome.Failed(AnalysisFaultCode.Overloaded, $"{settings.MaxConcurrent} analyses run already.") with { Metadata = metadata };
            }
            // 4. The work, within the request's timeout.
            var left = TimeSpan.FromMilliseconds(request.Options.TimeoutMs) - clock.GetElapsedTime(began);
            var outcome = chosen.Native is { } native ? await RunAsync(native, request, metadata, left, stop) : await RunAsync(request, metadata, left, stop);
            // 5. A result is what would come out again; a fault may not be.
            var took = clock.GetElapsedTime(began);
            if (key is { } made && outcome.Fault is null)
            {
                cache.Add(made, request.Algorithm, outcome.Result);
                await (shared?.AddAsync(made, request.Algorithm, outcome.Result, stop) ?? Task.CompletedTask);
            }
            // A timeout says that it takes at least as long.
            if (outcome.Fault is null or { Reason: AnalysisFaultCode.Timeout })
                _costs.Note(request.Algorithm, chosen.Description.Cost.Of(n), took);
            return outcome with { Metadata = outcome.Metadata! with { Duration = took } };
        }
        catch (AnalysisException e)
        {
            return new AnalysisOutcome(default, e.Fault, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // While a store was asked: a cancellation is an outcome wherever it comes.
            return Late(request, stop);
        }
    }

    /// <param name="shared">Null where this request is not shared.</param>
    async Task<ReadOnlyMemory<byte>?> RememberedAsync(CacheKey key, string algorithm, SharedCache? shared, CancellationToken stop)
    {
        if (cache.Find(key) is { } remembered)
            return remembered;
        if (shared is null || await shared.FindAsync(key, stop) is not { } others)
            return null;
        cache.Add(key, algorithm, others);
        return others;
    }

    async Task<(AnalysisRequest, AnalysedEvents?)> WithStoredAsync(AnalysisRequest request, CancellationToken stop)
    {
        if (request.Input is not EventsInput wanted)
            return (request, null);
        if (Stored is null)
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.NotAllowed, "This engine has no stored events.", "/input/events"));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(request.Options.TimeoutMs);
        try
        {
            var stored = await Stored.ReadAsync(request.Tenant, wanted, deadline.Token);
            return (request with { Input = stored.Input }, stored.Events);
        }
        catch (OperationCanceledException)
        {
            throw new AnalysisException(Late(request, stop).Fault!);
        }
    }

    static long Count(AnalysisInput? input) => input switch
    {
        ValuesInput one => one.Values.Length,
        ColumnsInput many => many.Columns.Sum(c => (long)c.Length),
        TextsInput texts => texts.Texts.Count,
        _ => 0,
    };

    static void CheckInput(AlgorithmDescription algorithm, AnalysisRequest request)
    {
        var kind = request.Input switch { ValuesInput => "values", ColumnsInput => "columns", TextsInput => "texts", _ => null };
        if (kind is null && algorithm.Reads.Length > 0)
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.InvalidInput, $"{algorithm.Name} needs an input: {string.Join(", ", algorithm.Reads)}.", "/input"));
        if (kind is not null && !algorithm.Reads.Contains(kind))
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.InvalidInput,
                algorithm.Reads.Length == 0 ? $"{algorithm.Name} takes everything from its parameters." : $"{algorithm.Name} reads {string.Join(", ", algorithm.Reads)}, not {kind}.", $"/input/{kind}"));
    }

    /// <summary>Not on the caller's thread, so that it is answered in time whatever the kernel does; kernels that take long look at the token between their pieces.</summary>
    async Task<AnalysisOutcome> RunAsync(NativeAlgorithm algorithm, AnalysisRequest request, AnalysisMetadata metadata, TimeSpan left, CancellationToken stop)
    {
        var deadline = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock);
        var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        var work = WorkAsync(algorithm, request, algorithm.Reads.Length == 0 || algorithm.Cost.Of(metadata.N) > Long, both.Token);
        try
        {
            return new AnalysisOutcome(await work.WaitAsync(both.Token), null, metadata);
        }
        catch (OperationCanceledException)
        {
            return Late(request, stop) with { Metadata = metadata };
        }
        catch (AnalysisException e)
        {
            return new AnalysisOutcome(default, e.Fault, metadata);
        }
        catch (Exception e)
        {
            // A kernel never throws for what is in the values: this is our bug, and the request's own loss alone.
            log.KernelFailed(algorithm.Name, e);
            return AnalysisOutcome.Failed(AnalysisFaultCode.AlgorithmFailed, $"{algorithm.Name} failed: {e.GetType().Name}.") with { Metadata = metadata };
        }
        finally
        {
            // The kernel may still look at the token.
            _ = work.ContinueWith(_ =>
            {
                both.Dispose();
                deadline.Dispose();
            }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    async Task<ReadOnlyMemory<byte>> WorkAsync(NativeAlgorithm algorithm, AnalysisRequest request, bool isLong, CancellationToken cancel)
    {
        try
        {
            if (!isLong)
                return await Task.Run(() => Compute(algorithm, request, cancel), CancellationToken.None);
            await _cores.WaitAsync(cancel);
            try
            {
                return await Task.Factory.StartNew(() => Compute(algorithm, request, cancel), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            finally
            {
                _cores.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    static AnalysisOutcome Late(AnalysisRequest request, CancellationToken stop) => stop.IsCancellationRequested
        ? AnalysisOutcome.Failed(AnalysisFaultCode.Cancelled, "The request was cancelled.")
        : AnalysisOutcome.Failed(AnalysisFaultCode.Timeout, $"There was no result within {request.Options.TimeoutMs} ms.");

    static ReadOnlyMemory<byte> Compute(NativeAlgorithm algorithm, AnalysisRequest request, CancellationToken cancel)
    {
        var arguments = algorithm.Parameters.Read(request.Parameters);
        cancel.ThrowIfCancellationRequested();
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        algorithm.Run(new NativeCall(arguments, request.Input, json, cancel));
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    async Task<AnalysisOutcome> RunAsync(AnalysisRequest request, AnalysisMetadata metadata, TimeSpan left, CancellationToken stop)
    {
        try
        {
            var outcome = await python.CallAsync(new PythonCall
            {
                Algorithm = request.Algorithm,
                Parameters = request.Parameters ?? default,
                Columns = request.Input switch
                {
                    ValuesInput one => [new PythonColumn(null, one.Values)],
                    ColumnsInput many => [.. many.Names.Zip(many.Columns, (name, column) => new PythonColumn(name, column))],
                    _ => [],
                },
                Texts = (request.Input as TextsInput)?.Texts,
                Deadline = left,
            }, stop);
            metadata = metadata with { Worker = outcome.Worker, AlgorithmVersion = outcome.Version ?? metadata.AlgorithmVersion };
            return outcome.Error is { } error ? new AnalysisOutcome(default, PythonAnswers.Fault(error), metadata) : new AnalysisOutcome(PythonAnswers.Json(outcome.Result!), null, metadata);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or ArgumentException)
        {
            return AnalysisOutcome.Failed(AnalysisFaultCode.AlgorithmFailed, $"{request.Algorithm} returned what is no result: {e.Message}") with { Metadata = metadata };
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}

static partial class AnalysisLog
{
    [LoggerMessage(70, LogLevel.Error, "The native algorithm {Algorithm} threw")]
    public static partial void KernelFailed(this ILogger log, string algorithm, Exception e);
}
