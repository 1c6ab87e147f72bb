using Confluent.Kafka;
using Npgsql;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Failures;

public sealed class FailureClassifierTests
{
    static PostgresException State(string state) => new("m", "ERROR", "ERROR", state);

    public static TheoryData<Exception, FailureKind, string?> Cases => new()
    {
        { State("40P01"), FailureKind.Transient, Dependencies.Postgres },
        { State("53100"), FailureKind.Transient, Dependencies.Postgres },
        { State("53300"), FailureKind.Transient, Dependencies.Postgres },
        { State("57P01"), FailureKind.Transient, Dependencies.Postgres },
        { State("22P05"), FailureKind.Invalid, Dependencies.Postgres },
        { State("54000"), FailureKind.Invalid, Dependencies.Postgres },
        { State("PL001"), FailureKind.Fenced, Dependencies.Postgres },
        { State("42P01"), FailureKind.Fatal, Dependencies.Postgres },
        { State("23505"), FailureKind.Fatal, Dependencies.Postgres },
        { new NpgsqlException("broken", new IOException()), FailureKind.Transient, Dependencies.Postgres },
        { new TimeoutException(), FailureKind.Transient, Dependencies.Postgres },
        { new FencedException("lost"), FailureKind.Fenced, Dependencies.Postgres },
        { new LogMismatchException(new LogPlace("c", "t", "id", 0), "topic_changed", "m"), FailureKind.Stopped, null },
        { new TopicUnavailableException("none"), FailureKind.Transient, Dependencies.Kafka },
        { new KafkaException(ErrorCode.Local_AllBrokersDown), FailureKind.Transient, Dependencies.Kafka },
        { new InfluxUnavailableException("503"), FailureKind.Transient, Dependencies.Influx },
        { new InfluxRefusedException("400"), FailureKind.Invalid, Dependencies.Influx },
        { new DependencyUnavailableException(Dependencies.RabbitMq, TimeSpan.Zero), FailureKind.Transient, Dependencies.RabbitMq },
        { new ProcessorFaultyException("m", new InvalidOperationException()), FailureKind.Fatal, null },
        { new InvalidOperationException(), FailureKind.Fatal, null },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_failure_means_one_thing(Exception exception, FailureKind kind, string? dependency)
    {
        var failure = FailureClassifier.Classify(exception);
        Assert.Equal((kind, dependency), (failure.Kind, failure.Dependency));
    }

    [Fact]
    public void Only_what_nobody_knows_is_unclassified() =>
        Assert.Equal([typeof(InvalidOperationException)], Cases.Select(c => c.Data.Item1).Where(e => !FailureClassifier.Classify(e).Classified).Select(e => e.GetType()));
}
