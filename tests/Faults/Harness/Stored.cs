using Npgsql;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Faults.Harness;

/// <summary>What PostgreSQL holds in the end, and whether it is what the clients were told.</summary>
sealed record Stored(IReadOnlyList<(Guid Id, RawEvent Event)> Rows, IReadOnlyList<(Guid? Mark, string Reason)> Letters, Outcomes Outcomes)
{
    const string Sums = "sum(events)::bigint, sum(succeeded)::bigint, sum(durations)::bigint, sum(duration_us)::bigint, sum(duration_outliers)::bigint, min(first_at), max(last_at)";

    public static async Task<Stored> ReadAsync(TestDatabase database)
    {
        // Times and tools are those of the rows: a clock that is wrong moves both alike.
        var rows = await database.RowsAsync("SELECT event_id, value, occurred_at, tool FROM rev_1.events", r =>
            (r.GetGuid(0), RawEvent.Read(r.GetFieldValue<byte[]>(1)) with { Timestamp = r.GetDateTime(2), Tool = r.IsDBNull(3) ? null : r.GetString(3) }));
        var letters = await database.RowsAsync("SELECT value, reason FROM rev_1.dead_letters", r => (r.IsDBNull(0) ? null : Traffic.MarkOf(r.GetFieldValue<byte[]>(0)), r.GetString(1)));
        return new Stored(rows, letters, await database.OutcomesAsync());
    }

    /// <summary>Set algebra over the ledger.</summary>
    public void CheckSets(Word word, Findings findings)
    {
        var marks = Rows.Select(r => Traffic.MarkOf(r.Event.Bytes)).OfType<Guid>().ToList();
        var stored = marks.ToHashSet();
        var dead = Letters.Select(l => l.Mark).OfType<Guid>().ToHashSet();
        findings.Empty([.. word.Ok.Except(stored).Except(dead)], "were answered ok and are neither stored nor dead letters");
        findings.Empty([.. word.Refused.Where(e => stored.Contains(e) || dead.Contains(e))], "were refused and are there all the same");
        findings.Empty([.. stored.Union(dead).Except(word.Ok).Except(word.Unknown)], "are there although nobody sent them");
        findings.Empty([.. stored.Intersect(dead)], "are both stored and dead letters");
        findings.Expect(stored.Count == marks.Count, $"{marks.Count - stored.Count} events are stored more than once");
        findings.Expect(Rows.DistinctBy(r => r.Id).Count() == Rows.Count, "an event_id is stored twice");
    }

    /// <summary>The tables of figures against a plain recomputation from the rows.</summary>
    public async Task CheckActivityAsync(TestDatabase database, Findings findings)
    {
        var expected = Activity.Of(Rows.Select(r => r.Event));
        var there = (await database.RowsAsync($"SELECT user_id, project_id, bucket, event_type, tool, annotation_type, {Sums} FROM rev_1.activity GROUP BY 1, 2, 3, 4, 5, 6", r =>
            (Key: new ActivityKey(r.GetString(0), r.GetString(1), r.GetDateTime(2), r.GetInt16(3), r.GetString(4), r.GetString(5)), Sums: Read(r)))).ToDictionary(r => r.Key, r => r.Sums);
        var different = expected.Keys.Union(there.Keys).Where(k => !Equals(expected.GetValueOrDefault(k), there.GetValueOrDefault(k))).ToList();
        findings.Expect(different.Count == 0, $"{different.Count} aggregates differ from their rows, such as {different.FirstOrDefault()}");
    }

    static ActivitySums Read(NpgsqlDataReader r) =>
        new(r.GetInt64(6), r.GetInt64(7), r.GetInt64(8), r.GetInt64(9), r.GetInt64(10), r.GetDateTime(11), r.GetDateTime(12));
}
