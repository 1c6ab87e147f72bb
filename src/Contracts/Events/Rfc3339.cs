namespace Pipeline.Contracts.Events;

/// <summary>RFC 3339 date-times as UTC microseconds since 1970. Fractions beyond a microsecond are cut; a leap second counts as the second after it.</summary>
public static class Rfc3339
{
    public const long MicrosecondsPerSecond = 1_000_000;

    /// <param name="text">ASCII, such as <c>2024-01-01T00:00:00.5+05:45</c>. The offset is required.</param>
    /// <param name="unixMicroseconds">Negative before 1970.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, out long unixMicroseconds)
    {
        unixMicroseconds = 0;
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' || text[13] != ':' || text[16] != ':')
            return false;
        if (!Digits(text[..4], out var year) || !Digits(text[5..7], out var month) || !Digits(text[8..10], out var day)
            || !Digits(text[11..13], out var hour) || !Digits(text[14..16], out var minute) || !Digits(text[17..19], out var second))
            return false;
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 60)
            return false;
        var rest = text[19..];
        if (!TryFraction(ref rest, out var microseconds) || !TryOffset(rest, out var offsetMinutes))
            return false;
        var days = new DateOnly(year, month, day).DayNumber - UnixEpochDay;
        unixMicroseconds = (((((days * 24L) + hour) * 60) + minute - offsetMinutes) * 60 + second) * MicrosecondsPerSecond + microseconds;
        return true;
    }

    static readonly int UnixEpochDay = new DateOnly(1970, 1, 1).DayNumber;

    static bool TryFraction(ref ReadOnlySpan<byte> rest, out int microseconds)
    {
        microseconds = 0;
        if (rest.IsEmpty || rest[0] != '.')
            return true;
        int i = 1, scale = 100_000;
        for (; i < rest.Length && (uint)(rest[i] - '0') <= 9; i++, scale /= 10)
            microseconds += (rest[i] - '0') * scale;
        rest = rest[i..];
        return i > 1;
    }

    static bool TryOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text.Length == 1)
            return (text[0] | 0x20) == 'z';
        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':'
            || !Digits(text[1..3], out var hours) || !Digits(text[4..6], out minutes) || hours > 23 || minutes > 59)
            return false;
        minutes += hours * 60;
        if (text[0] == '-')
            minutes = -minutes;
        return true;
    }

    static bool Digits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var b in text)
        {
            if ((uint)(b - '0') > 9)
                return false;
            value = value * 10 + (b - '0');
        }
        return true;
    }
}
