namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Gives a bounded number of places to those who wait in several lines, in the proportion of the lines' weights (smooth weighted round robin, as nginx balances). A line in which nobody waits leaves its share to
/// the others; one in which somebody waits gets a place after as many others as the weights say, so that none starves.
/// </summary>
sealed class WeightedTurns(int places, IReadOnlyList<int> weights)
{
    readonly Lock _sync = new();
    readonly LinkedList<TaskCompletionSource>[] _lines = [.. weights.Select(_ => new LinkedList<TaskCompletionSource>())];
    readonly int[] _due = new int[weights.Count];
    int _free = places;

    /// <summary>How many wait in each line.</summary>
    public IReadOnlyList<int> Waiting
    {
        get
        {
            lock (_sync)
                return [.. _lines.Select(l => l.Count)];
        }
    }

    /// <summary>Waits for a place; disposing what it returns gives the place to the next.</summary>
    /// <exception cref="OperationCanceledException">Stopped while it waited.</exception>
    public async Task<IDisposable> TakeAsync(int line, CancellationToken stop)
    {
        LinkedListNode<TaskCompletionSource> node;
        lock (_sync)
        {
            node = _lines[line].AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            Give();
        }
        using (stop.UnsafeRegister(static (waiting, token) => ((TaskCompletionSource)waiting!).TrySetCanceled(token), node.Value))
        {
            try
            {
                await node.Value.Task;
            }
            catch (OperationCanceledException)
            {
                lock (_sync)
                    node.List?.Remove(node);
                throw;
            }
        }
        return new Place(this);
    }

    /// <summary>Under the lock: free places go to whoever is next.</summary>
    void Give()
    {
        while (_free > 0 && Next() is { } waiting)
            // One who was cancelled at the same moment takes none.
            if (waiting.TrySetResult())
                _free--;
    }

    TaskCompletionSource? Next()
    {
        var (chosen, total) = (-1, 0);
        for (var line = 0; line < _lines.Length; line++)
        {
            if (_lines[line].Count == 0)
                continue;
            total += weights[line];
            _due[line] += weights[line];
            if (chosen < 0 || _due[line] > _due[chosen])
                chosen = line;
        }
        if (chosen < 0)
            return null;
        _due[chosen] -= total;
        var first = _lines[chosen].First!;
        _lines[chosen].RemoveFirst();
        return first.Value;
    }

    sealed class Place(WeightedTurns turns) : IDisposable
    {
        int _left = 1;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 0) == 0)
                return;
            lock (turns._sync)
            {
                turns._free++;
                turns.Give();
            }
        }
    }
}
