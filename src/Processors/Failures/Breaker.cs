using Polly;
using Polly.CircuitBreaker;

namespace Pipeline.Processors.Failures;

/// <summary>It was not tried, and that is no fault of what was to be tried.</summary>
public class NotTriedException(string message, TimeSpan retryAfter, Exception? inner = null) : Exception(message, inner)
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}

/// <summary>The breaker of a dependency is open: it is not asked, and nothing was sent to it.</summary>
public sealed class DependencyUnavailableException(string dependency, TimeSpan retryAfter, Exception? inner = null) : NotTriedException(
    $"{dependency} failed too often and is not asked for {retryAfter.TotalSeconds:F1} s", retryAfter, inner)
{
    public string Dependency { get; } = dependency;
}

/// <summary>
/// The circuit breaker of one dependency. Closed, every call goes through. When too many fail, it opens: whoever needs the dependency waits,
/// so that a server that comes back is not met by all partitions at once. After a while one call is let through and decides.
/// </summary>
sealed class Breaker
{
    readonly ResiliencePipeline? _calls;
    readonly CircuitBreakerStateProvider _state = new();

    public Breaker(string dependency, BreakerOptions options, TimeProvider clock, ProcessorMetrics metrics, ILogger log)
    {
        Dependency = dependency;
        _calls = new ResiliencePipelineBuilder { TimeProvider = clock }.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            FailureRatio = options.FailureRatio,
            MinimumThroughput = options.CallsMin,
            SamplingDuration = options.Window,
            BreakDuration = options.OpenTime,
            StateProvider = _state,
            ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is { } e && FailureClassifier.CountsForBreaker(e)),
            OnOpened = arguments =>
            {
                Opened++;
                OpenedAt = clock.GetUtcNow();
                metrics.BreakerOpened(dependency);
                log.BreakerOpened(dependency, arguments.BreakDuration.TotalSeconds, arguments.Outcome.Exception?.Message ?? "");
                return default;
            },
            OnClosed = _ =>
            {
                log.BreakerClosed(dependency);
                return default;
            },
        }).Build();
    }

    Breaker(string dependency) => Dependency = dependency;

    /// <summary>One that lets every call through and counts nothing, for runs in which every step has its own order.</summary>
    public static Breaker NeverOpen(string dependency) => new(dependency);

    public string Dependency { get; }

    public CircuitState State => _state.CircuitState;

    /// <summary>How often it opened since the start.</summary>
    public long Opened { get; private set; }

    public DateTimeOffset? OpenedAt { get; private set; }

    /// <exception cref="DependencyUnavailableException">The breaker is open; the call was not made.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken stop)
    {
        if (_calls is null)
            return await call(stop);
        try
        {
            return await _calls.ExecuteAsync(static async (call, stop) => await call(stop), call, stop);
        }
        catch (BrokenCircuitException e)
        {
            throw new DependencyUnavailableException(Dependency, e.RetryAfter is { } left && left > TimeSpan.Zero ? left : TimeSpan.Zero, e.InnerException);
        }
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(Func<CancellationToken, Task> call, CancellationToken stop) => RunAsync(async inner =>
    {
        await call(inner);
        return true;
    }, stop);
}

/// <summary>One breaker per dependency.</summary>
sealed class Breakers
{
    readonly Dictionary<string, Breaker> _breakers;

    public Breakers(BreakerOptions options, TimeProvider clock, ProcessorMetrics metrics, ILogger<Breakers> log)
    {
        _breakers = Dependencies.All.ToDictionary(d => d, d => new Breaker(d, options, clock, metrics, log));
        metrics.Watch(this);
    }

    public Breaker Kafka => _breakers[Dependencies.Kafka];
    public Breaker Postgres => _breakers[Dependencies.Postgres];
    public Breaker Influx => _breakers[Dependencies.Influx];
    public Breaker RabbitMq => _breakers[Dependencies.RabbitMq];

    public IEnumerable<Breaker> All => _breakers.Values;
}
