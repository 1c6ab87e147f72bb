using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Requests;

/// <summary>
/// Admissions of several partitions in one statement, and so in one commit: what comes while a statement is under way waits for the next one (group commit). On a partition's own a request would wait for
/// PostgreSQL to commit what each other partition has read.
/// </summary>
sealed class GroupedAdmissions(TaskExecution tasks, Breaker postgres)
{
    /// <summary>Statements under way at a time: the next one begins while the last one's commit is written.</summary>
    const int StatementsMax = 2;

    /// <summary>Requests of one statement: more would delay the first ones.</summary>
    const int RequestsMax = 512;

    readonly Lock _lock = new();
    readonly LinkedList<Asked> _waiting = [];
    readonly HashSet<TaskKey> _keys = [];
    int _underWay;

    /// <summary>As <see cref="TaskExecution.AdmitAsync"/>. Where a statement fails, it fails for all who share it.</summary>
    /// <param name="stop">Ends the wait; what is under way may still be committed.</param>
    public Task<Admission[]> AdmitAsync(IReadOnlyList<(NewTask Task, bool Runs)> requests, CancellationToken stop)
    {
        if (requests.Count == 0)
            return Task.FromResult(Array.Empty<Admission>());
        var asked = new Asked(requests, stop);
        lock (_lock)
        {
            _waiting.AddLast(asked);
            if (_underWay == StatementsMax)
                return asked.Admissions.WaitAsync(stop);
            _underWay++;
        }
        _ = ServeAsync();
        return asked.Admissions.WaitAsync(stop);
    }

    async Task ServeAsync()
    {
        for (List<Asked> together = []; (together = Next(together)).Count > 0;)
            await ExecuteAsync(together);
    }

    /// <summary>Who waits longest first. A task that several of them name is under way once at a time: statements that run beside each other do not see what the other one makes.</summary>
    /// <param name="done">Ended just now: who waited for its tasks is among those that are looked at.</param>
    List<Asked> Next(List<Asked> done)
    {
        lock (_lock)
        {
            foreach (var request in done.SelectMany(a => a.Requests))
                _keys.Remove(request.Task.Key);
            var together = new List<Asked>();
            for (var (next, count) = (_waiting.First, 0); next is not null && count < RequestsMax;)
            {
                var (asked, following) = (next.Value, next.Next);
                if (asked.IsLeft)
                    _waiting.Remove(next);
                else if (!asked.Requests.Any(r => _keys.Contains(r.Task.Key)))
                {
                    _waiting.Remove(next);
                    together.Add(asked);
                    _keys.UnionWith(asked.Requests.Select(r => r.Task.Key));
                    count += asked.Requests.Count;
                }
                next = following;
            }
            if (together.Count == 0)
                _underWay--;
            return together;
        }
    }

    /// <summary>Of several no one's token ends it: Npgsql's deadline does.</summary>
    async Task ExecuteAsync(List<Asked> together)
    {
        try
        {
            var words = await postgres.RunAsync(stop => tasks.AdmitAsync([.. together.SelectMany(a => a.Requests)], stop), CancellationToken.None);
            // Who has left executes nothing, and nobody died of it.
            await tasks.ReleaseAsync([.. together.Where(a => a.IsLeft).SelectMany(a => a.Requests, (_, r) => r.Task.Key)], CancellationToken.None);
            var from = 0;
            foreach (var asked in together)
            {
                asked.Answer(words[from..(from + asked.Requests.Count)]);
                from += asked.Requests.Count;
            }
        }
        catch (Exception e)
        {
            foreach (var asked in together)
                asked.Fail(e);
        }
    }

    /// <param name="stop">Cancelled when nobody waits any more.</param>
    sealed class Asked(IReadOnlyList<(NewTask Task, bool Runs)> requests, CancellationToken stop)
    {
        readonly TaskCompletionSource<Admission[]> _admissions = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IReadOnlyList<(NewTask Task, bool Runs)> Requests => requests;

        public Task<Admission[]> Admissions => _admissions.Task;

        public bool IsLeft => stop.IsCancellationRequested;

        public void Answer(Admission[] admissions) => _admissions.TrySetResult(admissions);

        public void Fail(Exception e) => _admissions.TrySetException(e);
    }
}
