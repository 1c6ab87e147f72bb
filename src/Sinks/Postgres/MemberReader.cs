using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>A user who was ever seen in a project.</summary>
public sealed record Member(string ProjectId, string UserId);

/// <summary>Reads members page by page, by project and user in byte order. A page begins behind a member and not after a number of them, so that members who come in between move nothing.</summary>
public sealed class MemberReader(NpgsqlDataSource database)
{
    /// <param name="projectId">Null for all.</param>
    /// <param name="userId">Null for all.</param>
    /// <param name="after">Null for the first page.</param>
    public async Task<IReadOnlyList<Member>> ReadAsync(string tenant, string? projectId, string? userId, Member? after, int limit, CancellationToken stop)
    {
        await using var command = database.CreateCommand();
        var where = new Conditions(command.Parameters);
        where.Compare("tenant =", tenant);
        where.Compare("project_id =", projectId);
        where.Compare("user_id =", userId);
        if (after is not null)
            where.And($"(project_id, user_id) > ({where.Bind(after.ProjectId)}, {where.Bind(after.UserId)})");
        // A user's rows lie together in activity, and a project's in members: each is asked where its key leads.
        var table = userId is not null && projectId is null ? "activity" : "members";
        command.CommandText = $"SELECT DISTINCT project_id, user_id FROM pipeline.{table}{where} ORDER BY project_id, user_id LIMIT {where.Bind(limit)}";
        await using var reader = await command.ExecuteReaderAsync(stop);
        var members = new List<Member>();
        while (await reader.ReadAsync(stop))
            members.Add(new Member(reader.GetString(0), reader.GetString(1)));
        return members;
    }
}
