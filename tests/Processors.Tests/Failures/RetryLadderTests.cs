using RabbitMQ.Client;
using System.Collections.Concurrent;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Processors.Tests.Failures.RabbitMq;
using static Pipeline.Processors.Tests.Failures.FailedRecords;

namespace Pipeline.Processors.Tests.Failures;

public sealed class RetryLadderTests
{
    const string Road = "failing";

    [Fact]
    public async Task A_record_that_fails_in_passing_is_tried_until_it_succeeds()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        var attempts = new ConcurrentQueue<FailedRecord>();
        await failures.StartRoadAsync(Road, (record, _) =>
        {
            attempts.Enqueue(record);
            return record.Attempt < 4 ? throw new IOException("not yet") : Task.CompletedTask;
        });
        var step = await failures.Ladder.FailAsync(Record(), Rabbit.Stop);
        Assert.Equal(RetryStep.After(failures.Rabbit.Options.Delays[0]), step);
        await Until.TrueAsync("it was tried four times", TimeSpan.FromSeconds(30), () => attempts.Count == 4);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.WorkQueue(Road), 0);
        Assert.Equal([1, 2, 3, 4], attempts.Select(r => r.Attempt));
        var last = attempts.Last();
        Assert.Equal((Record().Offset, Record().Log, Record().FailedFirst), (last.Offset, last.Log, last.FailedFirst));
        Assert.Equal(Record().Value, last.Value);
        Assert.Equal(("not yet", "failing:IOException", FaultReason.ProcessorFailed), (last.Cause.Message, last.Cause.Fingerprint, last.Cause.Reason));
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
    }

    [Fact]
    public async Task After_the_last_attempt_it_is_a_dead_letter_with_its_bytes_and_its_last_cause()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        var tried = 0;
        await failures.StartRoadAsync(Road, (_, _) => throw new IOException($"attempt {Interlocked.Increment(ref tried) + 1}"));
        await failures.StartReceiverAsync();
        await failures.Ladder.FailAsync(Record(), Rabbit.Stop);
        await failures.LettersAsync(1);
        Assert.Equal(["retries_exhausted|transient|5|attempt 5|failing:IOException|00ff0102|7"], await failures.Database.RowsAsync(
            "SELECT concat_ws('|', reason, kind, attempts, message, fingerprint, encode(value, 'hex'), \"offset\") FROM control.dead_letters", r => r.GetString(0)));
        Assert.Equal(4, tried);
    }

    [Fact]
    public async Task What_is_invalid_is_a_dead_letter_at_once_at_the_first_attempt_or_at_a_later_one()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        await failures.StartRoadAsync(Road, (_, _) => throw new RecordFailedException(new FailureCause("processing", FailureCause.Invalid, FaultReason.InvalidValue, "never")));
        await failures.StartReceiverAsync();
        Assert.Equal(RetryStep.Dead(FaultReason.ProcessorFailed), await failures.Ladder.FailAsync(Record(1, kind: FailureCause.Invalid), Rabbit.Stop));
        await failures.Ladder.FailAsync(Record(2), Rabbit.Stop);
        await failures.LettersAsync(2);
        Assert.Equal(["1|processor_failed|1", "2|invalid_value|2"], await failures.Database.RowsAsync(
            "SELECT concat_ws('|', \"offset\", reason, attempts) FROM control.dead_letters ORDER BY \"offset\"", r => r.GetString(0)));
    }

    [Fact]
    public async Task Garbage_in_a_work_queue_is_a_dead_letter_and_holds_nobody_up()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        var tried = 0;
        await failures.Rabbit.DoAsync(async c =>
        {
            for (var i = 0; i < 50; i++)
                await c.BasicPublishAsync(failures.Rabbit.Names.Work, Road, BitConverter.GetBytes(i), Rabbit.Stop);
        });
        await failures.Ladder.FailAsync(Record(), Rabbit.Stop);
        await failures.StartRoadAsync(Road, (_, _) => Task.FromResult(Interlocked.Increment(ref tried)));
        await failures.StartReceiverAsync();
        await failures.LettersAsync(50);
        await Until.TrueAsync("the record was tried", TimeSpan.FromSeconds(10), () => tried == 1);
    }

    [Fact]
    public async Task A_message_whose_receivers_die_again_and_again_is_a_dead_letter_that_says_so()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        await failures.Ladder.FailAsync(Record(), Rabbit.Stop);
        for (var death = 0; death <= failures.Rabbit.Options.DeliveryLimit; death++)
            await DieWithAsync(failures.Rabbit, failures.Rabbit.Names.WorkQueue(Road));
        await failures.StartReceiverAsync();
        await failures.LettersAsync(1);
        Assert.Equal(["killed_processor|fatal|2|00ff0102|7"], await failures.Database.RowsAsync(
            "SELECT concat_ws('|', reason, kind, attempts, encode(value, 'hex'), \"offset\") FROM control.dead_letters", r => r.GetString(0)));
    }

    [Fact]
    public async Task What_a_dead_process_held_is_tried_one_at_a_time()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        await failures.Ladder.FailAsync([.. Enumerable.Range(0, 12).Select(i => Record(i))], Rabbit.Stop);
        await DieWithAsync(failures.Rabbit, failures.Rabbit.Names.WorkQueue(Road), messages: 12);
        var (atATime, most) = (0, 0);
        var done = new ConcurrentBag<long>();
        await failures.StartRoadAsync(Road, async (record, stop) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref atATime));
            await Task.Delay(20, stop);
            Interlocked.Decrement(ref atATime);
            done.Add(record.Offset);
        });
        await Until.TrueAsync("all were tried", TimeSpan.FromSeconds(20), () => done.Count == 12);
        Assert.Equal(1, most);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.AloneQueue(Road), 0);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 0);
    }

    [Fact]
    public async Task A_message_that_no_queue_could_hold_again_is_a_dead_letter_and_holds_nobody_up()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        // Forged, or of another version: their place, or what they say besides, fits into no message of ours.
        FailedRecord[] odd = [Record(1) with { Log = Record().Log with { Consumer = new string('c', 300) } }, Record(2) with { Tenant = new string('t', 200_000) }, Record(3) with { Attempt = int.MaxValue }];
        await failures.Rabbit.DoAsync(async c =>
        {
            foreach (var record in odd)
            {
                var forged = FailureMessage.Write(record with { Attempt = 1 }, "", dead: false);
                forged.Properties.MessageId = null;
                forged.Properties.Headers!["pipeline-attempt"] = record.Attempt;
                if (record.Tenant.Length > 1000)
                    forged.Properties.Headers["pipeline-tenant"] = record.Tenant[..100_000];
                await c.BasicPublishAsync(failures.Rabbit.Names.Work, Road, mandatory: false, forged.Properties, forged.Body, Rabbit.Stop);
            }
        });
        await failures.StartRoadAsync(Road, (_, _) => throw new IOException("fails"));
        await failures.StartReceiverAsync();
        await failures.Ladder.FailAsync(Record(9), Rabbit.Stop);
        await failures.LettersAsync(4);
        Assert.Equal(3, await failures.CountAsync("control.dead_letters WHERE reason = 'unreadable_message'"));
    }

    [Fact]
    public async Task A_record_whose_connection_was_lost_is_handed_over_once()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        await using var relay = new Relay(new Uri(failures.Rabbit.Options.Uri));
        var begun = new SemaphoreSlim(0);
        var (tried, lost) = (0, new TaskCompletionSource());
        await failures.StartRoadAsync(Road, async (_, isLost) =>
        {
            begun.Release();
            if (Interlocked.Increment(ref tried) == 1)
            {
                await Task.Delay(TimeSpan.FromSeconds(60), isLost).ContinueWith(_ => { }, TaskScheduler.Default);
                lost.TrySetResult();
            }
            throw new RecordFailedException(new FailureCause("processing", FailureCause.Invalid, FaultReason.InvalidValue, "never"));
        }, relay.Uri);
        await failures.Ladder.FailAsync(Record(), Rabbit.Stop);
        await begun.WaitAsync(TimeSpan.FromSeconds(20), Rabbit.Stop);
        relay.Cut();
        await begun.WaitAsync(TimeSpan.FromSeconds(60), Rabbit.Stop);
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(60), Rabbit.Stop);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.AloneQueue(Road), 0);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.DeadLetters, 1);
    }

    /// <summary>Takes messages and ends without an answer.</summary>
    static Task DieWithAsync(Rabbit rabbit, string queue, int messages = 1) => rabbit.DoAsync(async c =>
    {
        for (var taken = 0; taken < messages; taken++)
            await Until.TrueAsync("it is delivered", TimeSpan.FromSeconds(20), async () => await c.BasicGetAsync(queue, autoAck: false, Rabbit.Stop) is not null);
    });

    [Fact]
    public async Task A_stop_lets_the_record_at_hand_finish_and_its_successor_goes_on()
    {
        await using var failures = await FailuresUnderTest.StartAsync(Road);
        var (begun, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        var done = new ConcurrentBag<long>();
        async Task HandleAsync(FailedRecord record, CancellationToken stop)
        {
            begun.TrySetResult();
            await finish.Task.WaitAsync(stop);
            done.Add(record.Offset);
        }
        var first = await failures.StartRoadAsync(Road, HandleAsync);
        await failures.Ladder.FailAsync([.. Enumerable.Range(0, 40).Select(i => Record(i))], Rabbit.Stop);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(20), Rabbit.Stop);
        var stopping = failures.StopAsync(first);
        finish.SetResult();
        await stopping;
        Assert.InRange(done.Count, 1, 40);
        await failures.StartRoadAsync(Road, HandleAsync);
        await Until.TrueAsync("all were tried", TimeSpan.FromSeconds(20), () => done.Distinct().Count() == 40);
        await failures.Rabbit.HoldsAsync(failures.Rabbit.Names.WorkQueue(Road), 0);
    }
}
