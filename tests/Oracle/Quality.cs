using System.Text.Json;
using static Pipeline.Oracle.Numbers;

namespace Pipeline.Oracle;

/// <summary>
/// What a trace says of the quality of its events, by the time of receipt. What only the pipeline knows (duplicates, dead letters, rejects, client drops) is not here.
/// </summary>
public sealed record Quality
{
    public long Received { get; init; }
    public decimal? LateShare { get; init; }
    public long Skewed { get; init; }
    public decimal? DeliveryP95Ms { get; init; }
    public long Outliers { get; init; }

    /// <summary>By the time that sessions start, which has no receipt: of those that start in the window.</summary>
    public decimal? Coverage { get; init; }

    public IReadOnlyDictionary<string, decimal?> ByJsonName() => JsonNames.Of(this);

    /// <summary>A line for each figure that an answer of the product lacks or gives otherwise; see <see cref="JsonNames"/>.</summary>
    public IEnumerable<string> DifferencesTo(JsonElement answer) => JsonNames.Differences(ByJsonName(), answer);

    const long LateUs = 5 * 60 * Times.SecondUs;

    internal static Quality Of(IReadOnlyList<Occurrence> events, UserTimes times, Window window)
    {
        var received = events.Where(e => window.Holds(e.ReceivedAt)).ToList();
        var late = received.Count(e => e.ReceivedAt - e.At > LateUs);
        var deliveries = received.Where(e => e.SentAt is not null).Select(e => Ms(Math.Abs(e.ReceivedAt - e.SentAt!.Value)));
        return new Quality
        {
            Received = received.Count,
            LateShare = Ratio(late, received.Count),
            Skewed = received.Count(e => e.IsCorrected),
            DeliveryP95Ms = Percentile(deliveries, 0.95m),
            Outliers = received.Count(e => e.IsOutlier),
            Coverage = Ratio(times.SessionsWithPerformance(window), times.Sessions(window)),
        };
    }
}
