using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Failures;

/// <summary>How the next record of a log is to be read.</summary>
public enum Reading
{
    /// <summary>In batches, as always.</summary>
    Together,
    /// <summary>By itself, after it was committed which one it is.</summary>
    Alone,
    /// <summary>Not at all: it ended every process that read it.</summary>
    Never,
}

/// <summary>
/// Finds the record that kills whatever process reads it. After three owners that vanished, the stretch that the last batch may have covered is
/// read record by record; a record that three more owners did not survive is not read again. Pure; the counts are the log's row.
/// </summary>
sealed class PoisonGuard(int batchRecordsMax)
{
    /// <summary>Owners that vanished, one after the other, before a record that was read alone is held to be the cause.</summary>
    public const int TriesMax = 2 * LogOwnership.TriesBeforeAlone;

    int _aloneLeft;
    bool _marked;
    long _aloneBefore;
    long _never = -1;

    /// <summary>Takes in where the log stands, how its last owners ended, and where the log ends: no batch that they read went beyond.</summary>
    public void Acquired(Fence fence, long end)
    {
        // A record that was being read alone may still kill, even where its own tries have only begun. Counted in records: a batch reaches
        // over any number of offsets that hold none. Acquired again in the middle of such a stretch, it goes on.
        if (fence.Tries >= LogOwnership.TriesBeforeAlone || fence.Trying is not null)
            (_aloneLeft, _aloneBefore) = (batchRecordsMax, end);
        _marked = fence.Trying is not null;
        _never = fence.Tries >= TriesMax ? fence.Trying ?? -1 : -1;
    }

    public Reading Of(long offset) => offset == _never ? Reading.Never : _aloneLeft > 0 && offset < _aloneBefore ? Reading.Alone : Reading.Together;

    /// <summary>Whether records from this offset on are read alone.</summary>
    public bool IsLooking(long next) => Of(next) != Reading.Together;

    /// <summary>
    /// The record that ended this process's predecessors was found in another log: nothing speaks against this one any more, unless a record of its own was
    /// being read alone. Should it hold another such record, that costs one more death.
    /// </summary>
    public void FoundElsewhere()
    {
        if (!_marked)
            _aloneLeft = 0;
    }

    /// <summary>A record that was read alone has its outcome.</summary>
    public void Passed() => _aloneLeft--;

    /// <summary>The record that was not read has its outcome. It explains the deaths; another one of its kind would begin to count anew.</summary>
    public void Found() => (_aloneLeft, _never) = (0, -1);
}
