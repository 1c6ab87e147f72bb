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

    long _aloneUntil = -1;
    long _never = -1;

    /// <summary>Takes in where the log stands, how its last owners ended, and where the log ends: no batch that they read went beyond.</summary>
    public void Acquired(Fence fence, long end)
    {
        // A record that was being read alone may still kill, even where its own tries have only begun.
        var stretchEnd = Math.Min(fence.NextOffset + batchRecordsMax, end);
        if (fence.Tries >= LogOwnership.TriesBeforeAlone || fence.Trying is not null)
            _aloneUntil = stretchEnd;
        // Acquired again in the middle of such a stretch, it goes on; in another log it would never end.
        _aloneUntil = Math.Min(_aloneUntil, stretchEnd);
        _never = fence.Tries >= TriesMax ? fence.Trying ?? -1 : -1;
    }

    public Reading Of(long offset) => offset == _never ? Reading.Never : offset < _aloneUntil ? Reading.Alone : Reading.Together;
}
