using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Analysis;

/// <summary>What stored events come to as an input.</summary>
sealed record StoredInput(AnalysisInput Input, AnalysedEvents Events);

/// <summary>
/// Makes inputs of stored events: a series of one metric by hour, day or week (UTC), single durations, or a matrix of the users of a project. The metrics are those of docs/metrics.md, under the same names.
/// </summary>
sealed class StoredInputs(MetricsReader metrics, MemberReader members, DurationReader durations, Breaker postgres, TimeProvider clock)
{
    public const string Durations = "durations", UserFeatures = "user_features";

    /// <summary>A series longer than this, or a matrix of more users, is refused and not cut.</summary>
    public const int BucketsMax = 10_000, DurationsMax = 1_000_000, UsersMax = 10_000;

    const int UsersPage = 500;

    /// <summary>Reads at a time. They may last seconds; what admits and answers tasks, from the same pool, must not stand behind them.</summary>
    const int ReadsMax = 4;

    /// <summary>Without <c>from</c>: as many days before <c>to</c>.</summary>
    static readonly TimeSpan WindowDefault = TimeSpan.FromDays(30);

    static readonly SortedDictionary<string, Func<Figures, double>> Figures = new(typeof(Figures).GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => (Nullable.GetUnderlyingType(p.PropertyType) ?? p.PropertyType) is var type && (type == typeof(long) || type == typeof(double)))
        .ToDictionary(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), p => (Func<Figures, double>)(f => p.GetValue(f) is { } value ? Convert.ToDouble(value, CultureInfo.InvariantCulture) : double.NaN)),
        StringComparer.Ordinal);

    /// <summary>What tells users apart that work in different ways; the columns of the matrix, in this order.</summary>
    static readonly string[] Features = ["annotations_per_hour", "time_per_object_p50_ms", "time_per_object_p90_ms", "success_rate", "rework_rate", "undo_rate", "idle_ratio", "active_time_s"];

    readonly Turns _reading = new(ReadsMax);

    /// <summary>About how many values it will be, before anything is read.</summary>
    public static long Estimate(EventsInput input) => input.Metric switch
    {
        Durations => 10_000,
        UserFeatures => 100 * Features.Length,
        _ => input is { From: { } from, To: { } to } ? (long)Math.Min(BucketsMax, (to - from) / BucketOf(input.Bucket)) : 30,
    };

    /// <exception cref="AnalysisException">What is asked for does not exist, is too much, or the store does not answer now.</exception>
    public async Task<StoredInput> ReadAsync(string tenant, EventsInput input, CancellationToken stop)
    {
        if (input.ProjectId is null && (input.UserId is null || input.Metric == UserFeatures))
            throw Invalid("project_id", input.Metric == UserFeatures ? "user_features are those of a project's users: project_id is required." : "project_id or user_id is required.");
        var to = Within((input.To ?? clock.GetUtcNow()).UtcDateTime);
        var from = Within(input.From?.UtcDateTime ?? to - WindowDefault);
        if (from >= to)
            throw Invalid("to", "to must be after from.");
        return input.Metric switch
        {
            Durations => await DurationsAsync(tenant, input, (from, to), stop),
            UserFeatures => await FeaturesAsync(tenant, input.ProjectId!, from, to, stop),
            _ => await SeriesAsync(tenant, input, from, to, stop),
        };
    }

    /// <summary>One question to the store. What is wrong with a request is found outside of it: the breaker would take it for a fault of the store, and a few bad requests would stop every road.</summary>
    async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken stop)
    {
        using var turn = await _reading.TakeAsync(alone: false, stop);
        try
        {
            return await postgres.RunAsync(read, stop);
        }
        catch (Exception e) when (FailureClassifier.Classify(e).Kind == FailureKind.Transient || e is Npgsql.NpgsqlException)
        {
            throw new AnalysisException(new AnalysisFault(AnalysisFaultCode.Unavailable, $"The stored events cannot be read now: {e.Message}", "/input/events"));
        }
    }

    async Task<StoredInput> SeriesAsync(string tenant, EventsInput input, DateTime from, DateTime to, CancellationToken stop)
    {
        if (!Figures.TryGetValue(input.Metric, out var figure))
            throw Invalid("metric", $"There is no metric {NearNames.Shown(input.Metric)}; near: {string.Join(", ", NearNames.Like(input.Metric, Figures.Keys.Append(Durations).Append(UserFeatures)).DefaultIfEmpty("none"))}. GET metrics/definitions lists them.");
        var edges = Edges(from, to, BucketOf(input.Bucket));
        var answer = await AskAsync(s => metrics.ReadAsync(new MetricsQuery(tenant, input.UserId, input.ProjectId) { Edges = edges }, s), stop);
        return new StoredInput(new ValuesInput(Enumerable.Range(0, edges.Count - 1).Select(b => figure(answer.Figures(b))).ToArray()), new AnalysedEvents([.. edges.SkipLast(1).Select(e => e.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))], null, input.UserId));
    }

    async Task<StoredInput> DurationsAsync(string tenant, EventsInput input, (DateTime, DateTime) window, CancellationToken stop)
    {
        if (input.Bucket is not null)
            throw Invalid("bucket", "durations are single events' and have no bucket.");
        var values = await AskAsync(s => durations.ReadAsync(tenant, input.ProjectId, input.UserId, window, DurationsMax + 1, s), stop);
        return values.Length <= DurationsMax ? new StoredInput(new ValuesInput(values), new AnalysedEvents(null, null, input.UserId)) : throw TooMany($"There are more than {DurationsMax} durations; take a shorter window.");
    }

    async Task<StoredInput> FeaturesAsync(string tenant, string project, DateTime from, DateTime to, CancellationToken stop)
    {
        var users = new List<string>();
        for (Member? last = null; ;)
        {
            var page = await AskAsync(s => members.ReadAsync(tenant, project, null, last, UsersPage, s), stop);
            users.AddRange(page.Select(m => m.UserId));
            if (users.Count > UsersMax)
                throw TooMany($"The project has more than {UsersMax} users.");
            if (page.Count < UsersPage)
                break;
            last = page[^1];
        }
        var answer = await AskAsync(s => metrics.ReadAsync(new MetricsQuery(tenant, null, project) { Edges = [Quarter(from), Quarter(to)], Split = MetricsSplit.User }, s), stop);
        // Who did nothing in the window has no way of working.
        var present = answer.Parts.ToHashSet();
        users.RemoveAll(u => !present.Contains(u));
        var figures = users.ConvertAll(answer.Figures);
        return new StoredInput(new ColumnsInput(Features, [.. Features.Select(name => (ReadOnlyMemory<double>)figures.Select(Figures[name]).ToArray())]), new AnalysedEvents(null, users, null));
    }

    static List<DateTime> Edges(DateTime from, DateTime to, TimeSpan bucket)
    {
        // Weeks begin on Monday, as 0001-01-01 was one.
        var edge = new DateTime(from.Ticks - (from.Ticks % bucket.Ticks), DateTimeKind.Utc);
        var edges = new List<DateTime> { edge };
        while (edge < to)
        {
            edges.Add(edge += bucket);
            if (edges.Count > BucketsMax)
                throw TooMany($"The window has more than {BucketsMax} buckets.");
        }
        return edges;
    }

    static TimeSpan BucketOf(string? bucket) => bucket switch
    {
        null or "day" => TimeSpan.FromDays(1),
        "hour" => TimeSpan.FromHours(1),
        "week" => TimeSpan.FromDays(7),
        _ => throw Invalid("bucket", "bucket must be hour, day or week."),
    };

    /// <summary>No event occurred before or after.</summary>
    static DateTime Within(DateTime time) => time < MetricsQuery.Beginning ? MetricsQuery.Beginning : time > MetricsQuery.End ? MetricsQuery.End : time;

    static DateTime Quarter(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.FromMinutes(15).Ticks), DateTimeKind.Utc);

    static AnalysisException Invalid(string field, string message) => new(new AnalysisFault(AnalysisFaultCode.InvalidInput, message, $"/input/events/{field}"));

    static AnalysisException TooMany(string message) => new(new AnalysisFault(AnalysisFaultCode.TooLarge, message, "/input/events"));
}
