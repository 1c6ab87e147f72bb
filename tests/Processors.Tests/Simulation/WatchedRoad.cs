using Pipeline.Processors.Consuming;

namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What a partition's road is doing.</summary>
enum Doing { Nothing, Acquiring, Processing }

/// <summary>The product's road, with a look at what it does.</summary>
sealed class WatchedRoad(IPartitionRoad road, World world) : IPartitionRoad
{
    public Doing Doing { get; private set; }

    public async Task<long> AcquireAsync(CancellationToken stop)
    {
        Doing = Doing.Acquiring;
        try
        {
            return await road.AcquireAsync(stop);
        }
        catch (TopicUnavailableException e) when (e.Message.Contains("made anew", StringComparison.Ordinal))
        {
            world.Met(Transition.TopicMadeAnewInAcquisition);
            throw;
        }
        finally
        {
            Doing = Doing.Nothing;
        }
    }

    public async Task<long> ProcessAsync(RecordBatch batch, CancellationToken stop)
    {
        Doing = Doing.Processing;
        try
        {
            var next = await (world.Bug == Bug.GapBelievedAtOnce ? BelieveAsync(batch, stop) : road.ProcessAsync(batch, stop));
            if (next != batch.Next)
                world.Met(Transition.GapReadTwice);
            return next;
        }
        catch (TopicUnavailableException e)
        {
            world.Met(e.Message.Contains("removed unread", StringComparison.Ordinal) ? Transition.RemovedUnread
                : e.Message.Contains("again to make sure", StringComparison.Ordinal) ? Transition.GapReadTwice
                : e.Message.Contains("made anew", StringComparison.Ordinal) ? Transition.TopicMadeAnewInBatch
                : Transition.TopicUnavailable);
            throw;
        }
        finally
        {
            Doing = Doing.Nothing;
        }
    }

    /// <summary>The planted bug: the road is told of the same gap again, without reading it again.</summary>
    async Task<long> BelieveAsync(RecordBatch batch, CancellationToken stop)
    {
        try
        {
            var next = await road.ProcessAsync(batch, stop);
            return next == batch.Next ? next : await road.ProcessAsync(new RecordBatch([.. batch.Records.Where(r => r.Offset >= next)], next, batch.Next), stop);
        }
        catch (TopicUnavailableException e) when (e.Message.Contains("again to make sure", StringComparison.Ordinal))
        {
            return await road.ProcessAsync(batch, stop);
        }
    }

    public async Task ReleaseAsync(CancellationToken stop)
    {
        try
        {
            await road.ReleaseAsync(stop);
        }
        catch (Exception)
        {
            world.Met(Transition.NotReleased);
            throw;
        }
    }

    public PartitionCounts Counts => road.Counts;

    public ValueTask DisposeAsync() => road.DisposeAsync();
}
