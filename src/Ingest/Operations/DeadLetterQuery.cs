using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Operations;

/// <summary>The filters of dead letters as they come: texts, so that whatever is wrong with one is answered in our form and by its name.</summary>
public sealed class DeadLetterQuery
{
    const int LimitMax = 500, LimitDefault = 50, TextMax = 512;

    static readonly string[] Stages = ["receiving", "processing", "sending"], Kinds = ["transient", "invalid", "fatal"], States = ["open", "closed", "all"];

    /// <summary>Every name is one word, so the properties tell them.</summary>
    static readonly HashSet<string> Names = [.. typeof(DeadLetterQuery).GetProperties().Select(p => p.Name.ToLowerInvariant())];

    // Properties and no record: the API's description cannot read what a constructor's parameters say of themselves.
    [FromQuery(Name = "consumer"), Description("Who could not take the record, such as events-postgres.")]
    public string? Consumer { get; init; }

    [FromQuery(Name = "topic")]
    public string? Topic { get; init; }

    [FromQuery(Name = "partition"), Description("A whole number from 0.")]
    public string? Partition { get; init; }

    [FromQuery(Name = "tenant")]
    public string? Tenant { get; init; }

    [FromQuery(Name = "stage"), Description("receiving, processing or sending.")]
    public string? Stage { get; init; }

    [FromQuery(Name = "kind"), Description("transient, invalid or fatal.")]
    public string? Kind { get; init; }

    [FromQuery(Name = "reason"), Description("A reason's code, such as malformed_json.")]
    public string? Reason { get; init; }

    [FromQuery(Name = "fingerprint"), Description("What letters of one cause share.")]
    public string? Fingerprint { get; init; }

    [FromQuery(Name = "from"), Description("First failure at or after this time, RFC 3339.")]
    public string? From { get; init; }

    [FromQuery(Name = "to"), Description("First failure before this time, RFC 3339.")]
    public string? To { get; init; }

    [FromQuery(Name = "state"), Description("open, closed or all. Default open.")]
    public string? State { get; init; }

    [FromQuery(Name = "limit"), Description("1 to 500. Default 50.")]
    public string? Limit { get; init; }

    /// <returns>Null, or what is wrong, naming the parameter.</returns>
    public Problem? Read(IQueryCollection given, string? besides, out DeadLetterFilter filter, out int limit)
    {
        (filter, limit) = (new DeadLetterFilter(), LimitDefault);
        foreach (var (name, values) in given)
        {
            // A misspelt filter that is passed over would show, and one day redrive, letters that nobody meant.
            if (!Names.Contains(name) && name != besides)
                return Wrong(name, $"is no parameter of this call; it knows {string.Join(", ", Names.Append(besides).Where(n => n is not null).Order(StringComparer.Ordinal))}.");
            if (values.Count > 1)
                return Wrong(name, "must be given once.");
            if (values[0] is not { Length: > 0 and <= TextMax } text || text.Any(char.IsControl))
                return Wrong(name, $"must have 1 to {TextMax} characters without control characters.");
        }
        if (Partition is not null && !TryWhole(Partition, 0, int.MaxValue, out _))
            return Wrong("partition", "must be a whole number from 0.");
        if (Limit is not null && !TryWhole(Limit, 1, LimitMax, out limit))
            return Wrong("limit", $"must be a whole number from 1 to {LimitMax}.");
        foreach (var (name, value, allowed) in (ReadOnlySpan<(string, string?, string[])>)[("stage", Stage, Stages), ("kind", Kind, Kinds), ("state", State, States)])
            if (value is not null && !allowed.Contains(value))
                return Wrong(name, $"must be one of {string.Join(", ", allowed)}.");
        if (!TryTime(From, out var from))
            return QueryTime.Invalid("from");
        if (!TryTime(To, out var to))
            return QueryTime.Invalid("to");
        filter = new DeadLetterFilter(Consumer, Topic, Partition is null ? null : int.Parse(Partition, CultureInfo.InvariantCulture), Tenant, Stage, Kind, Reason, Fingerprint, from, to,
            State is null ? DeadLetterState.Open : Enum.Parse<DeadLetterState>(State, ignoreCase: true));
        return null;
    }

    public static Problem Wrong(string name, string why) => new(400, "invalid_parameter", $"{name} {why}") { Parameter = name };

    public static bool TryWhole(string text, long min, long max, out int value)
    {
        value = 0;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var read) || read < min || read > max)
            return false;
        value = (int)read;
        return true;
    }

    static bool TryTime(string? text, out DateTime? time)
    {
        time = null;
        if (text is null)
            return true;
        if (!QueryTime.TryRead(text, out var us))
            return false;
        time = QueryTime.OfUnix(us);
        return true;
    }
}
