using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <summary>The figures of a user in a project, in one bucket of the window.</summary>
/// <param name="Start">Null where the window is open there.</param>
/// <param name="End">Exclusive; likewise.</param>
[method: SetsRequiredMembers]
public sealed record MemberRow(string UserId, string ProjectId, DateTime? Start, DateTime? End, Figures Figures) : Figures(Figures)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public Figures Figures { get; } = Figures;

    /// <summary>Whether nothing of the user happened there: every count is 0.</summary>
    internal bool IsEmpty => Events == 0 && SessionTimeS is null or 0;
}

/// <summary>Reads the figures of members page by page: however many there are, memory holds a few.</summary>
sealed class MemberFigures(MemberReader members, MetricsReader metrics)
{
    /// <summary>Members that one statement asks for, and the most rows that it may answer.</summary>
    const int MembersMax = 50, RowsMax = 2000;

    /// <summary>Every member that the query covers, with a row for each bucket, by project and user in byte order. Pages are read one after the other and are not of one snapshot.</summary>
    /// <param name="query">Without user and project: the whole tenant.</param>
    public async IAsyncEnumerable<IReadOnlyList<MemberRow>> PagesAsync(MetricsQuery query, [EnumeratorCancellation] CancellationToken stop)
    {
        var limit = Math.Clamp(RowsMax / (query.Edges.Count - 1), 1, MembersMax);
        Member? after = null;
        do
        {
            var page = await members.ReadAsync(query.Tenant, query.ProjectId, query.UserId, after, limit, stop);
            yield return await ReadAsync(query, page, stop);
            after = page.Count < limit ? null : page[^1];
        }
        while (after is not null);
    }

    /// <returns>Rows in the order of the members, then of the buckets.</returns>
    public async Task<IReadOnlyList<MemberRow>> ReadAsync(MetricsQuery query, IReadOnlyList<Member> page, CancellationToken stop)
    {
        var rows = new List<MemberRow>();
        foreach (var project in page.GroupBy(m => m.ProjectId))
        {
            var users = project.Select(m => m.UserId).ToList();
            var answer = await metrics.ReadAsync(query with { UserId = null, ProjectId = project.Key, Users = users, Split = MetricsSplit.User }, stop);
            foreach (var user in users)
                for (var i = 0; i < query.Edges.Count - 1; i++)
                    rows.Add(new MemberRow(user, project.Key, AskedWindow.Closed(query.Edges[i]), AskedWindow.Closed(query.Edges[i + 1]), answer.FiguresAt(user, i)));
        }
        return rows;
    }
}

/// <summary>The window that an answer is about, null where it is open.</summary>
public sealed record AskedWindow(DateTime? From, DateTime? To)
{
    internal static AskedWindow Of(MetricsQuery query) => new(Closed(query.Edges[0]), Closed(query.Edges[^1]));

    internal static DateTime? Closed(DateTime edge) => edge == MetricsQuery.Beginning || edge == MetricsQuery.End ? null : edge;
}
