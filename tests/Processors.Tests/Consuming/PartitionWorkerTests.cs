using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Tests.Consuming;

public sealed class PartitionWorkerTests
{
    [Fact]
    public async Task A_wrong_set_up_stops_the_process_and_the_log_is_released_because_no_record_ended_it()
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var failed = new TaskCompletionSource<Exception>();
        var road = new MisconfiguredRoad();
        var settings = new WorkerSettings("road", new ProcessorsOptions(), new Turns(1), TimeProvider.System, ActivatorUtilities.CreateInstance<ProcessorMetrics>(services, TimeProvider.System),
            NullLogger.Instance, CancellationToken.None, e => failed.TrySetResult(e));
        var worker = new PartitionWorker(new TopicPartition("t", 0), road, new NoSource(), settings);
        worker.Begin();
        Assert.IsType<PostgresException>(await failed.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        await worker.EndAsync();
        Assert.Equal(["release", "dispose"], road.Calls);
        Assert.Equal(PartitionState.Stopped, worker.State);
    }

    [Fact]
    public async Task A_session_that_cannot_be_released_is_closed_all_the_same()
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var road = new MisconfiguredRoad { ReleaseFails = true };
        var settings = new WorkerSettings("road", new ProcessorsOptions(), new Turns(1), TimeProvider.System, ActivatorUtilities.CreateInstance<ProcessorMetrics>(services, TimeProvider.System),
            NullLogger.Instance, CancellationToken.None, _ => { });
        var worker = new PartitionWorker(new TopicPartition("t", 0), road, new NoSource(), settings);
        worker.Begin();
        await worker.EndAsync();
        Assert.Equal(["release", "dispose"], road.Calls);
    }

    /// <summary>Its store lacks what it writes to.</summary>
    sealed class MisconfiguredRoad : IPartitionRoad
    {
        public bool ReleaseFails { get; init; }

        public List<string> Calls { get; } = [];

        public PartitionCounts Counts => PartitionCounts.None;

        public Task<long> AcquireAsync(CancellationToken stop) => throw new PostgresException("permission denied for table activity", "ERROR", "ERROR", "42501");

        public Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop) => throw new InvalidOperationException("nothing was acquired");

        public Task ReleaseAsync(CancellationToken stop)
        {
            Calls.Add("release");
            return ReleaseFails ? throw new NpgsqlException("gone") : Task.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            Calls.Add("dispose");
            return ValueTask.CompletedTask;
        }
    }

    sealed class NoSource : IRecordSource
    {
        public void Start(PartitionWorker worker, long offset)
        {
        }

        public void Suspend(PartitionWorker worker)
        {
        }

        public void Resume(PartitionWorker worker)
        {
        }

        public void Store(PartitionWorker worker, long nextOffset)
        {
        }
    }
}
