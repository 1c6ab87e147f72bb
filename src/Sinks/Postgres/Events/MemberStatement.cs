using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Notes who was seen in which project: table <c>members</c>. A session remembers whom it noted, so that most batches ask nothing.</summary>
sealed class MemberStatement
{
    /// <summary>Bounded by starting anew.</summary>
    const int KnownMax = 100_000;

    const string Sql = """
        INSERT INTO members (tenant, project_id, user_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS m (tenant, project_id, user_id) ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING
        """;

    readonly record struct Member(string Tenant, string ProjectId, string UserId)
    {
        /// <summary>The user alone spreads well.</summary>
        public override int GetHashCode() => UserId.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>Committed ones only: what was noted in a transaction that failed is noted again.</summary>
    readonly HashSet<Member> _known = [];
    readonly HashSet<Member> _noted = [];

    public void Begin() => _noted.Clear();

    /// <returns>Null where all of them are known.</returns>
    public NpgsqlBatchCommand? Insert(List<EventRow> rows)
    {
        foreach (var row in rows)
            if (new Member(row.Tenant, row.ProjectId, row.UserId) is var member && !_known.Contains(member))
                _noted.Add(member);
        return _noted.Count == 0 ? null
            : EventStatements.Command(Sql, _noted.Select(m => m.Tenant).ToArray(), _noted.Select(m => m.ProjectId).ToArray(), _noted.Select(m => m.UserId).ToArray());
    }

    public void Forget() => _known.Clear();

    public void Committed()
    {
        if (_known.Count + _noted.Count > KnownMax)
            _known.Clear();
        _known.UnionWith(_noted);
        _noted.Clear();
    }
}
