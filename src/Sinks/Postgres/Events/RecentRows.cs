namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// The rows of table <c>activity</c> that a session wrote last, each by the batch in which it began (<c>since</c>). Only the owner of a log writes the log's rows, so that what it
/// remembers is there, unless an erasure took it since: then fewer rows are found than there should be, and the batch is tried again by a session that remembers nothing.
/// What is forgotten goes on in a second row.
/// </summary>
/// <param name="youngMax">Users × projects × types × tools of a quarter of an hour on one log. Twice as many are remembered at most.</param>
sealed class RecentRows(int youngMax = 4096)
{
    Dictionary<ActivityBuckets.Key, long> _young = [], _old = [];

    /// <summary>Of the transaction that is under way.</summary>
    readonly Dictionary<ActivityBuckets.Key, long> _noted = [];

    public void Begin() => _noted.Clear();

    /// <returns>The batch in which the key's row began.</returns>
    public long? Find(ActivityBuckets.Key key)
    {
        if (_young.TryGetValue(key, out var since))
            return since;
        if (!_old.TryGetValue(key, out since))
            return null;
        _noted[key] = since;
        return since;
    }

    public void Note(ActivityBuckets.Key key, long since) => _noted[key] = since;

    public void Forget()
    {
        _young.Clear();
        _old.Clear();
    }

    public void Committed()
    {
        foreach (var (key, since) in _noted)
        {
            if (_young.Count >= youngMax)
                (_old, _young) = (_young, []);
            _young[key] = since;
        }
        _noted.Clear();
    }
}
