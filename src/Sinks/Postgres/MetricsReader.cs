using Npgsql;
using Pipeline.Sinks.Metrics;

namespace Pipeline.Sinks.Postgres;

/// <summary>Sums by part (a user or a project, as the query splits them; else "") and bucket.</summary>
/// <param name="Known">Whether any event of this user or project was ever stored.</param>
/// <param name="Time">Null where the query has none. The time of a user is that of all projects asked for, united, and is not split by project.</param>
public sealed record MetricsAnswer(bool Known, IReadOnlyDictionary<(string Part, int Bucket), WorkSums> Work, IReadOnlyDictionary<(string Part, int Bucket), TimeSums>? Time)
{
    /// <summary>The time of all buckets together: users who were active are not the sum of those of the buckets.</summary>
    public const int WholeWindow = -1;

    public IEnumerable<string> Parts => Work.Keys.Select(k => k.Part).Concat(Time?.Keys.Select(k => k.Part) ?? []).Distinct();

    // A user may name any number of projects: each is looked up and not searched for.
    readonly Lazy<ILookup<string, WorkSums>> _byPart = new(() => Work.ToLookup(w => w.Key.Part, w => w.Value));
    readonly Lazy<ILookup<int, WorkSums>> _byBucket = new(() => Work.ToLookup(w => w.Key.Bucket, w => w.Value));
    readonly Lazy<ILookup<string, TimeSums>?> _timeByPart = new(() => Time?.Where(t => t.Key.Bucket == WholeWindow).ToLookup(t => t.Key.Part, t => t.Value));
    readonly Lazy<ILookup<int, TimeSums>?> _timeByBucket = new(() => Time?.ToLookup(t => t.Key.Bucket, t => t.Value));

    /// <summary>Figures of everything.</summary>
    public Figures Figures() => Metrics.Figures.Of(Whole, Sum(_timeByBucket.Value?[WholeWindow]));

    /// <summary>Figures of one part, all buckets.</summary>
    public Figures Figures(string part) => Metrics.Figures.Of(OfPart(part), Sum(_timeByPart.Value?[part]));

    /// <summary>Figures of one bucket, all parts.</summary>
    public Figures Figures(int bucket) => Metrics.Figures.Of(Sum(_byBucket.Value[bucket]), Sum(_timeByBucket.Value?[bucket]));

    public WorkSums Whole => Sum(Work.Values);

    public WorkSums OfPart(string part) => Sum(_byPart.Value[part]);

    /// <summary>Figures of one part in one bucket, without a search.</summary>
    public Figures FiguresAt(string part, int bucket) =>
        Metrics.Figures.Of(Work.GetValueOrDefault((part, bucket)) ?? new WorkSums(), Time is null ? null : Time.GetValueOrDefault((part, bucket)));

    static WorkSums Sum(IEnumerable<WorkSums> all)
    {
        var sum = new WorkSums();
        foreach (var work in all)
            sum.Add(work);
        return sum;
    }

    static TimeSums? Sum(IEnumerable<TimeSums>? all) => all?.Aggregate(default(TimeSums), (sum, t) => sum + t);
}

/// <summary>Reads figures from aggregates: the cost goes with the hours worked and not with the events.</summary>
public sealed class MetricsReader(NpgsqlDataSource database)
{
    public async Task<MetricsAnswer> ReadAsync(MetricsQuery query, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(MetricsSql.Known(query));
        batch.BatchCommands.Add(MetricsSql.Work(query));
        if (query.HasTime)
            batch.BatchCommands.Add(MetricsSql.Slots(query));
        await using var reader = await batch.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        var known = reader.GetBoolean(0);
        await reader.NextResultAsync(stop);
        var work = await ReadWorkAsync(reader, stop);
        if (!query.HasTime)
            return new MetricsAnswer(known, work, null);
        await reader.NextResultAsync(stop);
        return new MetricsAnswer(known, work, await ReadTimeAsync(reader, query, stop));
    }

    static async Task<Dictionary<(string, int), WorkSums>> ReadWorkAsync(NpgsqlDataReader reader, CancellationToken stop)
    {
        var work = new Dictionary<(string, int), WorkSums>();
        while (await reader.ReadAsync(stop))
            work.Add((reader.GetString(0), reader.GetInt32(1)), ReadSums(reader));
        return work;
    }

    static WorkSums ReadSums(NpgsqlDataReader reader)
    {
        var column = 2;
        var sums = new WorkSums
        {
            Events = reader.GetInt64(column++),
            Annotations = reader.GetInt64(column++),
            AnnotationsSucceeded = reader.GetInt64(column++),
            AnnotationDurations = reader.GetInt64(column++),
            AnnotationUs = reader.GetInt64(column++),
            DurationOutliers = reader.GetInt64(column++),
            Errors = reader.GetInt64(column++),
            Saves = reader.GetInt64(column++),
            SavesSucceeded = reader.GetInt64(column++),
            Undos = reader.GetInt64(column++),
            TimedCompletions = reader.GetInt64(column++),
            CompletionUs = reader.GetInt64(column++),
            Completed = reader.GetInt64(column++),
            Net = reader.GetInt64(column++),
            Sourced = reader.GetInt64(column++),
            FromModel = reader.GetInt64(column++),
            FromModelChanged = reader.GetInt64(column++),
            ObjectsSaved = reader.GetInt64(column++),
            ObjectsReworked = reader.GetInt64(column++),
            TasksSubmitted = reader.GetInt64(column++),
            TasksFirstPass = reader.GetInt64(column++),
            Items = reader.GetInt64(column++),
        };
        foreach (var histogram in (ReadOnlySpan<LogLinearHistogram>)[sums.CompletionTimes, sums.LoadTimes, sums.FrameSwitchTimes, sums.SaveTimes, sums.Fps])
        {
            if (!reader.IsDBNull(column))
                histogram.Add(reader.GetFieldValue<byte[]>(column));
            column++;
        }
        sums.LastAnnotation = reader.IsDBNull(column) ? null : reader.GetDateTime(column);
        return sums;
    }

    /// <returns>Nothing for null.</returns>
    internal static byte[] Bytes(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? [] : reader.GetFieldValue<byte[]>(column);

    /// <summary>One user after the other: rows of a time are united over projects and logs before gaps are filled.</summary>
    static async Task<Dictionary<(string, int), TimeSums>> ReadTimeAsync(NpgsqlDataReader reader, MetricsQuery query, CancellationToken stop)
    {
        var time = new UserTime(query);
        while (await reader.ReadAsync(stop))
            if (reader.IsDBNull(2))
                time.AddDay(reader.GetString(0), reader.GetDateTime(1), Bytes(reader, 4), Bytes(reader, 5));
            else
                time.Add(reader.GetString(0), reader.GetDateTime(1), reader.GetBoolean(2), Bytes(reader, 3));
        return time.End();
    }
}
