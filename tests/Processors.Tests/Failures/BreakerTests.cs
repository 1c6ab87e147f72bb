using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres;
using Polly.CircuitBreaker;

namespace Pipeline.Processors.Tests.Failures;

public sealed class BreakerTests
{
    static readonly BreakerOptions Options = new() { CallsMin = 4, FailureRatio = 0.5, Window = TimeSpan.FromSeconds(5), OpenTime = TimeSpan.FromSeconds(2) };
    readonly ManualClock _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    Breaker New()
    {
        var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        return new Breaker(Dependencies.Influx, Options, _clock, new ProcessorMetrics(services.GetRequiredService<IMeterFactory>(), TimeProvider.System), NullLogger.Instance);
    }

    static Task Fail(Breaker breaker, Exception? e = null) => Assert.ThrowsAnyAsync<Exception>(() => breaker.RunAsync(_ => Task.FromException(e ?? new InfluxUnavailableException("down")), Stop));

    static async Task OpenAsync(Breaker breaker)
    {
        for (var i = 0; i < Options.CallsMin; i++)
            await Fail(breaker);
        Assert.Equal(CircuitState.Open, breaker.State);
    }

    [Fact]
    public async Task Open_it_makes_no_call_and_says_for_how_long()
    {
        var breaker = New();
        await OpenAsync(breaker);
        var asked = false;
        var refused = await Assert.ThrowsAsync<DependencyUnavailableException>(() => breaker.RunAsync(_ => Task.FromResult(asked = true), Stop));
        Assert.False(asked);
        Assert.Equal((Dependencies.Influx, TimeSpan.FromSeconds(2)), (refused.Dependency, refused.RetryAfter));
        Assert.Equal(FailureKind.Transient, FailureClassifier.Classify(refused).Kind);
        Assert.Equal(1, breaker.Opened);
    }

    [Fact]
    public async Task After_its_time_one_call_decides()
    {
        var breaker = New();
        await OpenAsync(breaker);
        _clock.Advance(Options.OpenTime);
        await Fail(breaker);
        Assert.Equal(CircuitState.Open, breaker.State);
        _clock.Advance(Options.OpenTime);
        Assert.Equal(7, await breaker.RunAsync(_ => Task.FromResult(7), Stop));
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    [Fact]
    public async Task While_that_call_is_under_way_no_other_is_made()
    {
        var breaker = New();
        await OpenAsync(breaker);
        _clock.Advance(Options.OpenTime);
        var answer = new TaskCompletionSource<int>();
        var deciding = breaker.RunAsync(_ => answer.Task, Stop);
        await Assert.ThrowsAsync<DependencyUnavailableException>(() => breaker.RunAsync(_ => Task.FromResult(1), Stop));
        answer.SetResult(5);
        Assert.Equal(5, await deciding);
    }

    [Fact]
    public async Task However_long_that_call_takes_the_others_are_told_a_time_that_can_be_waited()
    {
        var breaker = New();
        await OpenAsync(breaker);
        _clock.Advance(Options.OpenTime);
        var answer = new TaskCompletionSource<int>();
        var deciding = breaker.RunAsync(_ => answer.Task, Stop);
        _clock.Advance(Options.OpenTime * 5);
        var refused = await Assert.ThrowsAsync<DependencyUnavailableException>(() => breaker.RunAsync(_ => Task.FromResult(1), Stop));
        Assert.Equal(TimeSpan.Zero, refused.RetryAfter);
        answer.SetResult(5);
        await deciding;
    }

    [Fact]
    public async Task Refused_data_lost_fences_and_unknown_topics_say_that_the_dependency_works()
    {
        var breaker = New();
        var unknownTopic = new Confluent.Kafka.KafkaException(Confluent.Kafka.ErrorCode.UnknownTopicOrPart);
        foreach (var e in (Exception[])[new InfluxRefusedException("400"), new FencedException("other owner"), new OperationCanceledException(),
            new TopicUnavailableException("gone", unknownTopic)])
            for (var i = 0; i < 2 * Options.CallsMin; i++)
                await Fail(breaker, e);
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    [Fact]
    public async Task What_nobody_has_classified_counts()
    {
        var breaker = New();
        for (var i = 0; i < Options.CallsMin; i++)
            await Fail(breaker, new InvalidOperationException());
        Assert.Equal(CircuitState.Open, breaker.State);
    }
}
