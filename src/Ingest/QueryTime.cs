using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.Ingest;

/// <summary>Times in queries: RFC 3339 within the calendar.</summary>
static class QueryTime
{
    /// <summary>Years 1 to 9999; an offset can say a little more.</summary>
    public const long CalendarStartUs = -62_135_596_800_000_000, CalendarEndUs = 253_402_300_800_000_000;

    public static bool TryRead(string text, out long unixUs) =>
        // A plus sign in a query arrives as a space where the client did not encode it.
        Rfc3339.TryParse(Encoding.UTF8.GetBytes(text.Replace(' ', '+')), out unixUs) && unixUs is >= CalendarStartUs and < CalendarEndUs;

    public static DateTime OfUnix(long us) => DateTime.UnixEpoch.AddTicks(us * 10);

    public static Problem Invalid(string name) => new(400, "invalid_time", $"{name} must be RFC 3339, like 2024-01-01T00:00:00Z.") { Parameter = name };
}
