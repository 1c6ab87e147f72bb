namespace Pipeline.Processors.Consuming;

/// <summary>
/// Bounds what is under way at a time, first come first served. A turn taken alone waits until no other is out and keeps all others waiting.
/// </summary>
sealed class Turns(int max)
{
    readonly Lock _sync = new();
    readonly LinkedList<(bool Alone, TaskCompletionSource Entered)> _waiting = [];
    int _out;
    bool _alone;

    /// <summary>Waits for a turn; disposing what it returns gives the turn back.</summary>
    public async Task<Turn> TakeAsync(bool alone, CancellationToken stop)
    {
        LinkedListNode<(bool, TaskCompletionSource Entered)> node;
        lock (_sync)
        {
            if (_waiting.Count == 0 && TryEnter(alone))
                return new Turn(this);
            node = _waiting.AddLast((alone, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }
        try
        {
            // Not Task.WaitAsync: it passes through a thread of the pool, which the simulator does not order.
            using (stop.UnsafeRegister(static (entered, token) => ((TaskCompletionSource)entered!).TrySetCanceled(token), node.Value.Entered))
                await node.Value.Entered.Task;
        }
        catch (OperationCanceledException)
        {
            GiveUp(node!);
            throw;
        }
        return new Turn(this);
    }

    /// <summary>One turn, given back once.</summary>
    public readonly struct Turn(Turns turns) : IDisposable
    {
        public void Dispose() => turns.Leave();
    }

    bool TryEnter(bool alone)
    {
        if (_alone || _out >= (alone ? 1 : max))
            return false;
        _out++;
        _alone = alone;
        return true;
    }

    void Leave()
    {
        lock (_sync)
        {
            _out--;
            _alone = false;
            LetIn();
        }
    }

    void GiveUp(LinkedListNode<(bool, TaskCompletionSource Entered)> node)
    {
        lock (_sync)
        {
            if (node.List is null)
            {
                // It was let in at the moment it was given up.
                _out--;
                _alone = false;
            }
            else
            {
                _waiting.Remove(node);
            }
            LetIn();
        }
    }

    void LetIn()
    {
        while (_waiting.First is { } next && TryEnter(next.Value.Alone))
        {
            _waiting.RemoveFirst();
            next.Value.Entered.TrySetResult();
        }
    }
}
