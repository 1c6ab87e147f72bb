using System.Buffers.Text;
using System.Text;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest.Statistics;

/// <summary>Behind which member a list goes on, as a text that clients hand back unread.</summary>
static class MemberCursor
{
    const string Kind = "member\n";

    public static string Write(string user) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Kind + user));

    public static bool TryRead(string text, out string? user)
    {
        user = null;
        if (!Base64Url.IsValid(text))
            return false;
        var read = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text));
        if (!read.StartsWith(Kind, StringComparison.Ordinal) || !EnvelopeText.IsKey(read[Kind.Length..]))
            return false;
        user = read[Kind.Length..];
        return true;
    }
}
