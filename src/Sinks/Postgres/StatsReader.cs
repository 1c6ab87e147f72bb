using Npgsql;
using NpgsqlTypes;

namespace Pipeline.Sinks.Postgres;

/// <summary>Annotation figures of one user in one project. Times in ms; an event's time counts where its duration is within [0, 30 min].</summary>
public sealed record ProjectFigures(string ProjectId, long TotalAnnotations, double TotalTimeMs, long Durations, DateTime LastActivity);

/// <summary>A user's projects with annotation events in the window; <see cref="Known"/> tells whether any event of the user was ever stored.</summary>
public sealed record UserFigures(bool Known, IReadOnlyList<ProjectFigures> Projects);

/// <summary>Reads aggregates; the cost does not depend on the number of events.</summary>
public sealed class StatsReader(NpgsqlDataSource database)
{
    const string Projects = """
        SELECT project_id, sum(events)::bigint, sum(duration_us)::bigint, sum(durations)::bigint, max(last_at) FROM pipeline.activity
        WHERE tenant = $1 AND user_id = $2 AND event_type = 1 AND ($3::timestamptz IS NULL OR bucket >= $3) AND ($4::timestamptz IS NULL OR bucket < $4)
            AND ($5::text IS NULL OR project_id = $5)
        GROUP BY project_id ORDER BY project_id
        """;

    const string Known = "SELECT EXISTS (SELECT FROM pipeline.activity WHERE tenant = $1 AND user_id = $2)";

    /// <param name="from">First bucket of 15 minutes, inclusive; null is open.</param>
    /// <param name="to">End of the window, exclusive; null is open.</param>
    public async Task<UserFigures> UserAsync(string tenant, string userId, DateTime? from, DateTime? to, string? projectId, CancellationToken stop)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Projects)
        {
            Parameters =
            {
                new() { Value = tenant }, new() { Value = userId },
                new() { Value = (object?)from ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = (object?)to ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = (object?)projectId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Known) { Parameters = { new() { Value = tenant }, new() { Value = userId } } });
        await using var reader = await batch.ExecuteReaderAsync(stop);
        var projects = new List<ProjectFigures>();
        while (await reader.ReadAsync(stop))
            projects.Add(new ProjectFigures(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2) / 1000.0, reader.GetInt64(3), reader.GetDateTime(4)));
        await reader.NextResultAsync(stop);
        await reader.ReadAsync(stop);
        return new UserFigures(reader.GetBoolean(0), projects);
    }
}
