using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// The first of the events that decide about an object or a task: where it is counted. First is the least by time, user (UTF-8 bytes) and event id, so
/// that it does not depend on who came to the store first.
/// </summary>
public sealed record FirstEvent(long OccurredAtUs, string UserId, Guid EventId, string Tool, string AnnotationType, ObjectSource Source = ObjectSource.None)
{
    public static FirstEvent Of(EventRow row) => new(row.OccurredAtUs, row.UserId, row.EventId, row.Tool ?? "", row.AnnotationType ?? "", row.Source);

    public static FirstEvent Least(FirstEvent? known, EventRow row) => known is null || IsBefore(row, known) ? Of(row) : known;

    static bool IsBefore(EventRow row, FirstEvent known)
    {
        if (row.OccurredAtUs != known.OccurredAtUs)
            return row.OccurredAtUs < known.OccurredAtUs;
        var users = Utf8Order.Compare(row.UserId, known.UserId);
        return users != 0 ? users < 0 : row.EventId.CompareTo(known.EventId) < 0;
    }
}

/// <summary>The order of texts by the bytes of their UTF-8, which is PostgreSQL's <c>COLLATE "C"</c>. UTF-16's order differs above the surrogates.</summary>
static class Utf8Order
{
    public static int Compare(string a, string b)
    {
        // Users and projects of a batch are one string each.
        if (ReferenceEquals(a, b))
            return 0;
        var same = a.AsSpan().CommonPrefixLength(b);
        return same < a.Length && same < b.Length ? Rank(a[same]) - Rank(b[same]) : a.Length - b.Length;
    }

    /// <summary>Surrogates, which stand for the code points beyond U+FFFF, come last.</summary>
    static int Rank(char c) => c < 0xD800 ? c : c < 0xE000 ? c + 0x2000 : c - 0x800;
}
