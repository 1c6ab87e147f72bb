using System.Collections.Concurrent;
using Pipeline.Faults.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>What a client was told about cancelling one request.</summary>
enum CancelWord
{
    /// <summary>200: from here on it is cancelled and nothing else.</summary>
    Cancelled,
    /// <summary>409: it had ended before.</summary>
    TooLate,
    /// <summary>404, after it was accepted.</summary>
    Missing,
    /// <summary>No answer, or a 503.</summary>
    Unknown,
}

/// <summary>Every request that was sent, and everything that clients were told about it.</summary>
sealed class RequestLedger
{
    readonly ConcurrentDictionary<Guid, AskedRequest> _asked = new();
    readonly ConcurrentQueue<(Guid Mark, CancelWord Word)> _cancels = new();

    public Ledger Told { get; } = new();

    public IReadOnlyCollection<AskedRequest> Asked => [.. _asked.Values];

    public ILookup<Guid, CancelWord> Cancels => _cancels.ToLookup(c => c.Mark, c => c.Word);

    /// <summary>Before it is sent for the first time.</summary>
    public AskedRequest Note(AskedRequest asked) => _asked[asked.Mark] = asked;

    public void Cancel(AskedRequest asked, CancelWord word) => _cancels.Enqueue((asked.Mark, word));

    /// <summary>Ids that must end: each was accepted at least once.</summary>
    public string[] AcceptedIds => [.. Told.Read().Ok.Select(m => _asked[m].Id).Distinct()];
}
