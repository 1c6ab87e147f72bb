using System.Globalization;
using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.DevTool.Simulation.Sending;

/// <summary>Events that are sent together: all of the same clock, because <c>sent_at</c> speaks for the whole batch.</summary>
sealed class HttpBatch(string id, long skewMs)
{
    readonly List<(int Start, int Length, EventType Type)> _events = [];
    readonly MemoryStream _bytes = new();
    List<int> _pending = [];

    public int Count => _events.Count;

    /// <summary>What was neither accepted nor refused so far.</summary>
    public int Pending => _pending.Count;

    public void Add(in SimulatedEvent e)
    {
        _pending.Add(_events.Count);
        _events.Add(((int)_bytes.Length, e.Bytes.Length, e.Type));
        _bytes.Write(e.Bytes.Span);
    }

    /// <summary>The request's body, with what is pending.</summary>
    /// <param name="now">The time by which a clock that is right would send it.</param>
    public byte[] Body(DateTimeOffset now)
    {
        using var body = new MemoryStream((int)_bytes.Length + 512);
        body.Write(Encoding.ASCII.GetBytes($"{{\"batch_id\":\"{id}\",\"events\":["));
        var bytes = _bytes.GetBuffer();
        for (var i = 0; i < _pending.Count; i++)
        {
            if (i > 0)
                body.WriteByte((byte)',');
            body.Write(bytes, _events[_pending[i]].Start, _events[_pending[i]].Length);
        }
        var sentAt = now.AddMilliseconds(skewMs).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        body.Write(Encoding.ASCII.GetBytes(
            $"],\"metadata\":{{\"tool\":\"{SimulateCommand.Tracker}\",\"version\":\"{SimulateCommand.TrackerVersion}\"}},\"sent_at\":\"{sentAt}\"}}"));
        return body.ToArray();
    }

    /// <summary>Takes an answer to what was pending: the events that it does not name were accepted, those to be sent again stay pending.</summary>
    public void Settle(IReadOnlyDictionary<int, (string Verdict, string Reason)> named, Tally tally)
    {
        var again = new List<int>();
        for (var i = 0; i < _pending.Count; i++)
        {
            var type = _events[_pending[i]].Type;
            if (!named.TryGetValue(i, out var answer))
                tally.Accept(type);
            else if (answer.Verdict == "retry")
                again.Add(_pending[i]);
            else
                tally.Refuse(type, answer.Reason);
        }
        _pending = again;
    }

    public void RefuseAll(string reason, Tally tally)
    {
        foreach (var index in _pending)
            tally.Refuse(_events[index].Type, reason);
        _pending = [];
    }
}
