using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>
/// What stays of an object's or a task's state when events of it are erased and rows of others are gone by retention. A state made of the rows that are left would forget
/// what others did in weeks that were dropped; so whatever the known state names that is not erased, stays. What stood behind an erased first event and has no row any more
/// cannot be known, and counts no more.
/// </summary>
static class GoneRows
{
    /// <summary>An event occurs at most 24 h after it is received, by clocks that differ a little: what occurred so much after the gone weeks was logged after them.</summary>
    static readonly TimeSpan Ahead = TimeSpan.FromHours(25);

    /// <summary>Whether rows of the user in the request's range may be gone, in any revision. Weeks go by log time and ranges by the time of occurrence, so that an old event that came late is taken for one that may be gone.</summary>
    /// <returns>From when on none is; null where none of the range is gone.</returns>
    public static async Task<DateTime?> ExpiredAsync(NpgsqlConnection session, ErasureRequest request, CancellationToken stop)
    {
        var gone = new List<(string Revision, DateTime From)>();
        await using (var revisions = new NpgsqlCommand("SELECT r.revision, r.rows_from FROM control.retention r JOIN pg_namespace n ON n.nspname = r.revision WHERE r.rows_from IS NOT NULL", session))
        await using (var reader = await revisions.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                gone.Add((reader.GetString(0), reader.GetDateTime(1) + Ahead));
        DateTime? expired = null;
        foreach (var (revision, from) in gone)
        {
            await using var first = StoredEvents.Command(session, $"SELECT min(bucket) FROM {revision}.activity WHERE tenant = $1 AND user_id = $2 AND bucket >= $3 AND bucket < $4",
                (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text), (request.OccurredFrom, NpgsqlDbType.TimestampTz), (request.OccurredTo, NpgsqlDbType.TimestampTz));
            if (await first.ExecuteScalarAsync(stop) is DateTime bucket && bucket < from && !(expired > from))
                expired = from;
        }
        return expired;
    }

    /// <param name="left">Made of the rows that stay; completed here.</param>
    /// <param name="known">As it is stored.</param>
    /// <param name="present">Made of every row that is there, those to be erased included.</param>
    public static void Keep<TState>(TState left, TState known, TState present, Func<FirstEvent, bool> isErased) where TState : class
    {
        if (left is ObjectState l && known is ObjectState k && present is ObjectState p)
            Keep(l, k, p, isErased);
        else if (left is TaskState leftTask && known is TaskState knownTask && present is TaskState presentTask)
            Keep(leftTask, knownTask, presentTask, isErased);
        else
            throw new InvalidOperationException($"{typeof(TState)} is no state of an object or a task");
    }

    static void Keep(ObjectState left, ObjectState known, ObjectState present, Func<FirstEvent, bool> isErased)
    {
        left.Created = First(left.Created, known.Created, isErased);
        left.Completed = First(left.Completed, known.Completed, isErased);
        left.Deleted = First(left.Deleted, known.Deleted, isErased);
        left.Saved = First(left.Saved, known.Saved, isErased);
        // Nobody knows who made a change whose row is gone. It says something about what others did, and nothing by itself.
        if (!left.IsEmpty && known.ChangedUs > (present.ChangedUs ?? long.MinValue))
            left.ChangedUs = known.ChangedUs;
    }

    static void Keep(TaskState left, TaskState known, TaskState present, Func<FirstEvent, bool> isErased)
    {
        var gone = known.Submits - present.Submits;
        // The first one is among the gone, and erased.
        if (known.Submitted is { } first && isErased(first) && present.Submitted?.EventId != first.EventId)
            gone--;
        left.Submitted = First(left.Submitted, known.Submitted, isErased);
        left.Item = First(left.Item, known.Item, isErased);
        left.Submits = left.Submitted is null ? 0 : left.Submits + Math.Max(gone, 0);
        if (!left.IsEmpty && known.ModifiedUs > (present.ModifiedUs ?? long.MinValue))
            left.ModifiedUs = known.ModifiedUs;
    }

    static FirstEvent? First(FirstEvent? left, FirstEvent? known, Func<FirstEvent, bool> isErased) => known is null || isErased(known) ? left : known;
}
