using System.Collections;
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

    /// <summary>Figures of one part, one bucket, or both; of everything by default.</summary>
    public Figures Figures(string? part = null, int? bucket = null)
    {
        var time = Time?.Where(t => (part is null || t.Key.Part == part) && t.Key.Bucket == (bucket ?? WholeWindow)).Aggregate(default(TimeSums), (sum, t) => sum + t.Value);
        return Metrics.Figures.Of(Sum(key => (part is null || key.Part == part) && (bucket is null || key.Bucket == bucket)), time);
    }

    /// <summary>Figures of one part in one bucket, without a search.</summary>
    public Figures FiguresAt(string part, int bucket) =>
        Metrics.Figures.Of(Work.GetValueOrDefault((part, bucket)) ?? new WorkSums(), Time is null ? null : Time.GetValueOrDefault((part, bucket)));

    public WorkSums Sum(Func<(string Part, int Bucket), bool> wanted)
    {
        var sum = new WorkSums();
        foreach (var (_, work) in Work.Where(w => wanted(w.Key)))
            sum.Add(work);
        return sum;
    }
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

    /// <summary>One user after the other: rows of a bucket are united over projects and logs before gaps are filled.</summary>
    static async Task<Dictionary<(string, int), TimeSums>> ReadTimeAsync(NpgsqlDataReader reader, MetricsQuery query, CancellationToken stop)
    {
        var time = new UserTime(query);
        while (await reader.ReadAsync(stop))
            time.Add(reader.GetString(0), reader.GetDateTime(1), reader.GetBoolean(2), reader.GetFieldValue<BitArray>(3));
        return time.End();
    }
}
