using System.Text;

namespace Pipeline.Processors.Events;

/// <summary>
/// One string for equal bytes: users, projects and tools repeat all the time. Bounded by starting anew. Not for several threads at once.
/// </summary>
sealed class Utf8Strings
{
    const int StringsMax = 5000;

    readonly HashSet<string> _strings = [];

    public string Get(ReadOnlySpan<byte> utf8)
    {
        Span<char> text = stackalloc char[utf8.Length];
        text = text[..Encoding.UTF8.GetChars(utf8, text)];
        var lookup = _strings.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(text, out var known))
            return known;
        if (_strings.Count >= StringsMax)
            _strings.Clear();
        var made = new string(text);
        _strings.Add(made);
        return made;
    }
}
