namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>
/// The caller and threads of the pool that happen to be free take one piece after the other. The caller never waits for a thread to begin, only for
/// pieces already begun, which take some tens of µs: whatever the pool is busy with, the caller alone would finish. A thread that comes late finds
/// nothing left and touches nothing.
/// </summary>
sealed class Crew<TWork>(TWork work, int count) : IThreadPoolWorkItem
    where TWork : struct, ISegmentWork
{
    int _taken;
    int _done;

    public void Run()
    {
        for (var i = Math.Min(Environment.ProcessorCount, count) - 1; i > 0; i--)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        Execute();
        var spin = new SpinWait();
        while (Volatile.Read(ref _done) < count)
            spin.SpinOnce(sleep1Threshold: -1);
    }

    public void Execute()
    {
        int taken;
        while ((taken = Interlocked.Increment(ref _taken) - 1) < count)
        {
            work.Do(taken);
            Interlocked.Increment(ref _done);
        }
    }
}
