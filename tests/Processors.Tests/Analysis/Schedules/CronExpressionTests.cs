using System.Globalization;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Analysis.Schedules;

namespace Pipeline.Processors.Tests.Analysis.Schedules;

public sealed class CronExpressionTests
{
    static DateTime Time(string text) => DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal);

    [Theory]
    [InlineData("* * * * *", "2026-11-22 10:11:59", "2026-11-22 10:11")]
    [InlineData("10 4 * * *", "2026-11-22 04:09:59", "2026-11-21 04:10")]
    [InlineData("10 4 * * *", "2026-11-22 04:10:00", "2026-11-22 04:10")]
    [InlineData("*/15 * * * *", "2026-11-22 10:14", "2026-11-22 10:00")]
    [InlineData("5/20 * * * *", "2026-11-22 10:50", "2026-11-22 10:45")]
    [InlineData("0 8-18/5 * * *", "2026-11-22 23:00", "2026-11-22 18:00")]
    [InlineData("0 0 31 * *", "2026-11-22 10:00", "2026-10-31 00:00")]
    [InlineData("0 0 29 2 *", "2026-11-22 10:00", "2024-02-29 00:00")]
    [InlineData("30 4 * * 1", "2026-11-22 10:00", "2026-11-16 04:30")]
    [InlineData("0 0 * * 7", "2026-11-22 10:00", "2026-11-22 00:00")]
    [InlineData("0 0 * * 0", "2026-11-22 10:00", "2026-11-22 00:00")]
    [InlineData("0 0 1,15 * 5", "2026-11-22 10:00", "2026-11-20 00:00")]
    [InlineData("0 0 1 1 *", "2026-11-22 10:00", "2026-01-01 00:00")]
    [InlineData("59 23 * * *", "2026-03-01 00:00", "2026-02-28 23:59")]
    public void The_last_time_that_was_due(string cron, string now, string due) => Assert.Equal(Time(due), CronExpression.Parse(cron).Before(Time(now)));

    [Theory]
    [InlineData("* * * *", "five")]
    [InlineData("60 * * * *", "minute")]
    [InlineData("* 24 * * *", "hour")]
    [InlineData("* * 0 * *", "day of month")]
    [InlineData("* * * 13 *", "month")]
    [InlineData("* * * * 8", "day of week")]
    [InlineData("5-3 * * * *", "minute")]
    [InlineData("*/0 * * * *", "minute")]
    [InlineData("a * * * *", "minute")]
    [InlineData("1,,2 * * * *", "minute")]
    [InlineData("-1 * * * *", "minute")]
    [InlineData("1/2/3 * * * *", "minute")]
    [InlineData("0 0 30 2 *", "never")]
    public void What_is_none_names_the_field(string cron, string named) => Assert.Contains(named, Assert.Throws<FormatException>(() => CronExpression.Parse(cron)).Message, StringComparison.Ordinal);

    /// <summary>Against the definition: the latest minute of which every field agrees.</summary>
    [Fact]
    public void It_agrees_with_looking_at_every_minute()
    {
        var random = Seeds.Next();
        for (var round = 0; round < 200; round++)
        {
            string Field(int least, int most) => random.Next(4) switch { 0 => "*", 1 => $"*/{random.Next(1, 9)}", 2 => $"{random.Next(least, most + 1)}", _ => $"{least}-{random.Next(least, most + 1)}" };
            var (minute, hour, day, month, weekday) = (Field(0, 59), Field(0, 23), Field(1, 28), Field(1, 12), Field(0, 6));
            var now = new DateTime(2026, random.Next(1, 13), random.Next(1, 28), random.Next(24), random.Next(60), 30, DateTimeKind.Utc);
            var found = CronExpression.Parse($"{minute} {hour} {day} {month} {weekday}").Before(now);
            var time = new DateTime(now.Ticks - (now.Ticks % TimeSpan.TicksPerMinute), DateTimeKind.Utc);
            for (var looked = 0; looked < 400 * 1440 && !IsDue(time, minute, hour, day, month, weekday); looked++)
                time = time.AddMinutes(-1);
            if (IsDue(time, minute, hour, day, month, weekday))
                Assert.Equal(time, found);
            else
                Assert.True(found is null || found < time);
        }
    }

    static bool IsDue(DateTime time, string minute, string hour, string day, string month, string weekday)
    {
        var (ofMonth, ofWeek) = (Holds(day, time.Day, 1), Holds(weekday, (int)time.DayOfWeek, 0));
        return Holds(minute, time.Minute, 0) && Holds(hour, time.Hour, 0) && Holds(month, time.Month, 1) && (day[0] != '*' && weekday[0] != '*' ? ofMonth || ofWeek : ofMonth && ofWeek);
    }

    static bool Holds(string field, int value, int least) => field.Split('/', '-') is var parts && field[0] == '*' ? parts.Length == 1 || (value - least) % int.Parse(parts[1], CultureInfo.InvariantCulture) == 0
        : parts.Length == 1 ? value == int.Parse(field, CultureInfo.InvariantCulture) : value >= int.Parse(parts[0], CultureInfo.InvariantCulture) && value <= int.Parse(parts[1], CultureInfo.InvariantCulture);
}
