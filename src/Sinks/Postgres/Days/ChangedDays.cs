using Npgsql;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Days;

/// <summary>
/// Notes the days in which a transaction changes something that was added up already, so that readers take them from table <c>activity</c> until they have been added up again.
/// Visible with the change itself, at the same commit.
/// </summary>
static class ChangedDays
{
    const string Insert = "INSERT INTO changed_days (tenant, user_id, project_id, day) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])";

    const long DayUs = 24L * 3600 * 1_000_000;

    /// <param name="notedBefore">As it stands in <c>days_state</c>, read behind the fence.</param>
    /// <returns>Null where none of the buckets is in such a day: nearly always.</returns>
    public static NpgsqlBatchCommand? Note(ActivityBuckets buckets, DateTime notedBefore)
    {
        var beforeUs = (notedBefore - DateTime.UnixEpoch).Ticks / 10;
        return Note([.. buckets.Keys.Where(k => k.BucketUs < beforeUs).Select(k => (k.Tenant, k.UserId, k.ProjectId, EventStatements.Time(ActivityBuckets.FloorTo(k.BucketUs, DayUs)))).Distinct()]);
    }

    public static NpgsqlBatchCommand? Note(IReadOnlyCollection<(string Tenant, string UserId, string ProjectId, DateTime Day)> days) => days.Count == 0 ? null
        : EventStatements.Command(Insert, days.Select(d => d.Tenant).ToArray(), days.Select(d => d.UserId).ToArray(), days.Select(d => d.ProjectId).ToArray(), days.Select(d => d.Day).ToArray());
}
