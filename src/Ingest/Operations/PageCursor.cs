using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Operations;

/// <summary>Where a list goes on, as a text that clients hand back unread.</summary>
static class PageCursor
{
    const char Between = '\n';

    public static string Write(DeadLetterCursor cursor)
    {
        var place = cursor.Place;
        var us = (cursor.FailedFirst - DateTime.UnixEpoch).Ticks / 10;
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{us}\n{place.Consumer}\n{place.TopicId}\n{place.Partition}\n{place.Offset}")));
    }

    public static bool TryRead(string text, out DeadLetterCursor? cursor)
    {
        cursor = null;
        if (!Base64Url.IsValid(text))
            return false;
        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split(Between);
        if (parts.Length != 5 || parts.Any(p => p.Any(char.IsControl)) || !TryNumber(parts[0], out var us) || !TryNumber(parts[3], out var partition) || !TryNumber(parts[4], out var offset)
            || us is < QueryTime.CalendarStartUs or >= QueryTime.CalendarEndUs || partition is < 0 or > int.MaxValue)
            return false;
        cursor = new DeadLetterCursor(QueryTime.OfUnix(us), new DeadLetterPlace(parts[1], parts[2], (int)partition, offset));
        return true;
    }

    static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
}
