using Confluent.Kafka;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Failures;

/// <summary>What is to be done about a failure.</summary>
public enum FailureKind
{
    /// <summary>A dependency is down, slow or in conflict with itself: the same works later.</summary>
    Transient,
    /// <summary>This record can never work: a dead letter at once, never a pause.</summary>
    Invalid,
    /// <summary>Another owner has the log, or the outcome of a commit is open: acquire it again.</summary>
    Fenced,
    /// <summary>The log is not the one it was, or lacks records: the partition stops until an operator decides.</summary>
    Stopped,
    /// <summary>A bug or a wrong set-up: stop, do not commit.</summary>
    Fatal,
}

/// <param name="Dependency">Which dependency failed, one of <see cref="Dependencies"/>; null where it was none.</param>
/// <param name="Classified">False where nothing is known about the exception: then it is taken for a bug.</param>
public readonly record struct Failure(FailureKind Kind, string? Dependency = null, bool Classified = true);

/// <summary>The names of what the processors depend on: in /health, metrics and breakers.</summary>
public static class Dependencies
{
    public const string Kafka = "kafka", Postgres = "postgres", Influx = "influxdb", RabbitMq = "rabbitmq";

    public static readonly string[] All = [Kafka, Postgres, Influx, RabbitMq];
}

/// <summary>The only place that decides what a failure means.</summary>
public static class FailureClassifier
{
    public static Failure Classify(Exception exception) => exception switch
    {
        DependencyUnavailableException open => new Failure(FailureKind.Transient, open.Dependency),
        LogMismatchException => new Failure(FailureKind.Stopped),
        FencedException => new Failure(FailureKind.Fenced, Dependencies.Postgres),
        TopicUnavailableException or KafkaException => new Failure(FailureKind.Transient, Dependencies.Kafka),
        RabbitMqUnavailableException => new Failure(FailureKind.Transient, Dependencies.RabbitMq),
        InfluxUnavailableException => new Failure(FailureKind.Transient, Dependencies.Influx),
        InfluxRefusedException => new Failure(FailureKind.Invalid, Dependencies.Influx),
        Npgsql.NpgsqlException or System.Net.Sockets.SocketException or IOException or TimeoutException => OfStore(exception),
        ProcessorFaultyException => new Failure(FailureKind.Fatal),
        _ => new Failure(FailureKind.Fatal, Classified: false),
    };

    /// <summary>
    /// Whether a failure speaks of the state of its dependency, so that a breaker counts it. A record that the store refuses, a lost fence or an unknown
    /// topic says that the dependency works.
    /// </summary>
    public static bool CountsForBreaker(Exception exception) => exception switch
    {
        OperationCanceledException => false,
        TopicUnavailableException { InnerException: KafkaException { Error.IsLocalError: false } } => false,
        _ => Classify(exception) is { Kind: FailureKind.Transient } or { Classified: false },
    };

    static Failure OfStore(Exception exception) => new(PostgresFaults.Classify(exception) switch
    {
        StoreFault.Transient => FailureKind.Transient,
        StoreFault.Fenced => FailureKind.Fenced,
        StoreFault.Refused => FailureKind.Invalid,
        _ => FailureKind.Fatal,
    }, Dependencies.Postgres);
}
