using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Oracle;

/// <summary>Times are UTC microseconds since 1970 in here.</summary>
static partial class Times
{
    public const long SecondUs = 1_000_000, QuarterUs = 15 * 60 * SecondUs;

    public static long Us(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset At(long us) => DateTimeOffset.UnixEpoch.AddTicks(us * TimeSpan.TicksPerMicrosecond);

    /// <summary>RFC 3339: a fraction is cut behind the microsecond, a leap second is the second after it.</summary>
    public static long Parse(string text)
    {
        var match = Rfc3339().Match(text);
        if (!match.Success)
            throw new FormatException($"'{text}' is no RFC 3339 time.");
        var isLeap = match.Groups["second"].Value == "60";
        var whole = $"{match.Groups["minute"].Value.ToUpperInvariant()}:{(isLeap ? "59" : match.Groups["second"].Value)}{match.Groups["zone"].Value.ToUpperInvariant()}";
        var fraction = match.Groups["fraction"].Value.PadRight(6, '0')[..6];
        return Us(DateTimeOffset.Parse(whole, CultureInfo.InvariantCulture)) + (isLeap ? SecondUs : 0) + long.Parse(fraction, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^(?<minute>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):(?<second>\d\d)(\.(?<fraction>\d+))?(?<zone>[Zz]|[+-]\d\d:\d\d)$")]
    private static partial Regex Rfc3339();
}
