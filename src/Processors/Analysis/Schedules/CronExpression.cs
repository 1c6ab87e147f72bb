using System.Globalization;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>
/// When something is due, by crontab(5): minute, hour, day of month, month, day of week; each <c>*</c>, a number, <c>a-b</c>, with <c>/step</c>, or a list of these by commas; Sunday is 0 or 7. Where both days are
/// restricted, either suffices. In UTC, which has no hour twice and none too few. Stands in for the package Cronos, which some feeds lack.
/// </summary>
sealed class CronExpression
{
    /// <summary>Forty years hold a 29 February of every weekday, across a century without one too.</summary>
    const int DaysMax = 366 * 40;

    static readonly (string Name, int Least, int Most)[] Fields = [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7)];

    readonly ulong _minutes, _hours, _days, _months, _weekdays;
    readonly bool _eitherDay;

    CronExpression(ulong[] fields, bool eitherDay)
    {
        (_minutes, _hours, _days, _months) = (fields[0], fields[1], fields[2], fields[3]);
        // 7 is Sunday, as 0 is.
        _weekdays = fields[4] | (fields[4] >> 7 & 1);
        _eitherDay = eitherDay;
    }

    /// <exception cref="FormatException">Says which field, and why.</exception>
    public static CronExpression Parse(string text)
    {
        var parts = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length != Fields.Length)
            throw new FormatException($"\"{text}\" has {parts.Length} fields; cron has five: minute, hour, day of month, month, day of week.");
        var fields = parts.Zip(Fields, Bits).ToArray();
        var cron = new CronExpression(fields, !parts[2].StartsWith('*') && !parts[4].StartsWith('*'));
        return cron.Before(new DateTime(2400, 1, 1, 0, 0, 0, DateTimeKind.Utc)) is null ? throw new FormatException($"\"{text}\" is never due.") : cron;
    }

    static ulong Bits(string part, (string Name, int Least, int Most) field)
    {
        var bits = 0UL;
        foreach (var item in part.Split(','))
        {
            var (range, step) = item.Split('/') switch { [var whole] => (whole, 1), [var whole, var by] => (whole, Number(by, field, 1, 59)), _ => throw Bad(item, field) };
            var (from, to) = range == "*" ? (field.Least, field.Most)
                : range.Split('-') switch
                {
                    [var one] => (Number(one, field, field.Least, field.Most), item.Contains('/', StringComparison.Ordinal) ? field.Most : Number(one, field, field.Least, field.Most)),
                    [var first, var last] => (Number(first, field, field.Least, field.Most), Number(last, field, field.Least, field.Most)),
                    _ => throw Bad(item, field),
                };
            if (from > to)
                throw Bad(item, field);
            for (var value = from; value <= to; value += step)
                bits |= 1UL << value;
        }
        return bits;
    }

    static int Number(string text, (string Name, int Least, int Most) field, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number : throw Bad(text, field);

    static FormatException Bad(string text, (string Name, int Least, int Most) field) => new($"\"{text}\" is no {field.Name}: {field.Least} to {field.Most}, *, ranges with -, steps with /, lists with commas.");

    /// <summary>The latest time at or before this one, to the minute; null where there is none in forty years.</summary>
    public DateTime? Before(DateTime time)
    {
        var day = DateTime.SpecifyKind(time.Date, DateTimeKind.Utc);
        for (var days = 0; days < DaysMax; days++, day = day.AddDays(-1))
        {
            if (!IsDue(day))
                continue;
            var (lastHour, lastMinute) = days == 0 ? (time.Hour, time.Minute) : (23, 59);
            for (var hour = lastHour; hour >= 0; hour--)
            {
                if ((_hours >> hour & 1) == 0)
                    continue;
                for (var minute = hour == lastHour ? lastMinute : 59; minute >= 0; minute--)
                    if ((_minutes >> minute & 1) != 0)
                        return day.AddHours(hour).AddMinutes(minute);
            }
        }
        return null;
    }

    bool IsDue(DateTime day)
    {
        var (ofMonth, ofWeek) = ((_days >> day.Day & 1) != 0, (_weekdays >> (int)day.DayOfWeek & 1) != 0);
        return (_months >> day.Month & 1) != 0 && (_eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek);
    }
}
