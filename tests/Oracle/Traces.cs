using System.Globalization;

namespace Pipeline.Oracle;

/// <summary>Small traces that are hard to count: the same for the same seed, each event valid by the contract.</summary>
public static class Traces
{
    /// <summary>Zones in whose days and hours the traces have corners: changes of the clock by an hour and by half of one, and an offset of 5:45.</summary>
    public static readonly IReadOnlyList<string> Zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"];

    /// <summary>
    /// Events in the order in which they enter, which is not that of their times. Some enter twice as exact copies; about one in twenty is of tenant
    /// <c>other</c>, now and then with an id that tenant <c>default</c> has too.
    /// </summary>
    /// <param name="events">How many there are before copies.</param>
    public static IReadOnlyList<TraceEvent> Of(int seed, int events = 300) => new TraceWriter(new Random(seed)).Write(events);
}

sealed class TraceWriter
{
    const long MsUs = 1000, MinuteUs = 60 * Times.SecondUs, HourUs = 60 * MinuteUs, DayUs = 24 * HourUs;

    /// <summary>Changes of the clock in both directions, and midnights into a Monday and into a year.</summary>
    static readonly string[] Instants =
    [
        "2024-03-10T07:00:00Z", "2024-11-03T06:00:00Z", "2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z", "2024-04-06T15:00:00Z", "2024-10-05T15:30:00Z",
        "2024-05-05T18:15:00Z", "2024-05-06T00:00:00Z", "2023-12-31T23:00:00Z",
    ];

    /// <summary>From one event of a user to the next, in µs: gaps of exactly 100 s and 30 min, and one slot more.</summary>
    static readonly long[] Steps =
    [
        0, 1, 3 * Times.SecondUs, 9_999_999, 10 * Times.SecondUs, 25 * Times.SecondUs, 30 * Times.SecondUs, 40 * Times.SecondUs, 60 * Times.SecondUs,
        100 * Times.SecondUs, 100 * Times.SecondUs, 110 * Times.SecondUs, 110 * Times.SecondUs, 600 * Times.SecondUs, 610 * Times.SecondUs,
        30 * MinuteUs, (30 * MinuteUs) + (10 * Times.SecondUs), 3 * HourUs,
    ];

    static readonly string?[] BatchTools = [null, null, "brush", "Ж-tool", "batch \"tool\""];

    readonly Random _random;
    readonly TraceBodies _bodies;
    readonly Dictionary<string, long> _clocks = [];
    readonly List<long> _times = [];
    readonly List<Guid> _ids = [];
    readonly long _start;

    public TraceWriter(Random random)
    {
        _random = random;
        _bodies = new TraceBodies(random);
        _start = Times.Parse(Pick(Instants)) - random.NextInt64(8 * HourUs / Times.SecondUs) * Times.SecondUs;
    }

    public IReadOnlyList<TraceEvent> Write(int count)
    {
        var events = Enumerable.Range(0, count).Select(_ => Next()).ToList();
        events.AddRange(events.Where(_ => _random.Next(12) == 0).ToList());
        var entered = events.ToArray();
        _random.Shuffle(entered);
        return entered;
    }

    TraceEvent Next()
    {
        var user = Pick(_bodies.Users);
        var occurredAt = NextTime(user);
        var tenant = _random.Next(20) == 0 ? "other" : "default";
        var id = Guid.Empty;
        if (tenant == "other" && _ids.Count > 0 && _random.Next(2) == 0)
            id = Pick(_ids.ToArray());
        else
            _ids.Add(id = NewId());
        var (timestamp, received, sent) = Sent(occurredAt);
        var json = _bodies.Json(id, user, Timestamp(timestamp));
        return new TraceEvent(json, Times.At(received)) { SentAt = sent is { } at ? Times.At(at) : null, BatchTool = Pick(BatchTools), Tenant = tenant };
    }

    /// <summary>Mostly a step after the user's last event, now and then the very instant of an event of anybody.</summary>
    long NextTime(string user)
    {
        if (_times.Count > 0 && _random.Next(7) == 0)
            return Pick(_times.ToArray());
        var step = _random.Next(4) == 0 ? _random.NextInt64(90 * Times.SecondUs) : Pick(Steps);
        var time = _clocks.TryGetValue(user, out var last) ? last + step : _start + _random.NextInt64(30) * 10 * Times.SecondUs;
        _clocks[user] = time;
        _times.Add(time);
        return time;
    }

    /// <summary>How an event of this time is stamped by its sender, received and sent. A wrong clock tells the event's age all the same, so that the corrected time is this one again.</summary>
    (long Timestamp, long Received, long? Sent) Sent(long occurredAt)
    {
        var soon = UpToMs(occurredAt) + (_random.NextInt64(60_000) * MsUs);
        switch (_random.Next(10))
        {
            case 0 or 1 or 2:
                return (occurredAt, soon, null);
            case 3 or 4 or 5:
                return (occurredAt, soon, soon + Pick([-5 * Times.SecondUs, 5 * Times.SecondUs, 0, -80 * MsUs, -2 * Times.SecondUs]));
            case 6:
                // Late by not more than, and by just more than, five minutes; by days.
                return (occurredAt, UpToMs(occurredAt) + Pick([5 * MinuteUs, (5 * MinuteUs) + MsUs, 2 * HourUs, 2 * DayUs]), null);
            case 7:
                // Dated after its receipt, which is kept as it is.
                return (occurredAt, UpToMs(occurredAt) - Pick([MsUs, HourUs, 23 * HourUs]), null);
            case 8:
                // Stamped after it was sent: its age is 0.
                return (occurredAt + HourUs, soon, UpToMs(occurredAt));
            default:
                var skew = Pick([5_001 * MsUs, -5_001 * MsUs, HourUs, -HourUs, 3 * DayUs, -3 * DayUs]);
                return (occurredAt + skew, soon, soon + skew);
        }
    }

    static long UpToMs(long us) => (us + MsUs - 1) / MsUs * MsUs;

    /// <summary>The same instant, spelled in one of many ways.</summary>
    string Timestamp(long us)
    {
        var offset = Pick([0, 0, 0, 60, 345, -210]);
        var local = Times.At(us).ToOffset(TimeSpan.FromMinutes(offset));
        var micros = us % Times.SecondUs;
        var fraction = micros == 0 ? Pick(["", ".0", ".000"])
            : micros % MsUs == 0 ? "." + (micros / MsUs).ToString("D3", CultureInfo.InvariantCulture)
            : "." + micros.ToString("D6", CultureInfo.InvariantCulture) + Pick(["", "9", "999"]);
        var zone = offset == 0 ? Pick(["Z", "Z", "z", "+00:00"]) : local.ToString("zzz", CultureInfo.InvariantCulture);
        return local.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + fraction + zone;
    }

    Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes, bigEndian: true);
    }

    T Pick<T>(T[] from) => from[_random.Next(from.Length)];
}
