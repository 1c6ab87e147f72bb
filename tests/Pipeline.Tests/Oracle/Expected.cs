using Npgsql;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests.Oracle;

/// <summary>
/// What a pipeline must hold: these events, each once, and an outcome for every offset of the log.
/// </summary>
/// <param name="Events">Valid events, each id once. Their time is their own: they were sent without a <c>sent_at</c> that corrects it.</param>
/// <param name="Records">How many records were published, valid or not.</param>
public sealed record Expected(IReadOnlyCollection<RawEvent> Events, long Records)
{
    const string Sums = "sum(events)::bigint, sum(succeeded)::bigint, sum(durations)::bigint, sum(duration_us)::bigint, sum(duration_outliers)::bigint, min(first_at), max(last_at)";

    public long DeadLetters { get; init; }
    public long Absent { get; init; }
    public long Expired { get; init; }

    /// <summary>Waits until all is stored, then compares everything and requires that the conservation difference was 0 at every look.</summary>
    public async Task AssertStoredAsync(PipelineUnderTest pipeline, TimeSpan? within = null)
    {
        await pipeline.StoredToTheEndAsync(within);
        await AssertEqualAsync(pipeline.Database);
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    async Task AssertEqualAsync(TestDatabase database)
    {
        Assert.Equal(new Outcomes(Events.Count, Records - Events.Count - DeadLetters, DeadLetters, Absent, Expired), await database.OutcomesAsync());
        var passed = await database.ValueAsync<long>("SELECT sum(next_offset - first_offset)::bigint FROM rev_1.offsets");
        Assert.Equal(Records + Absent + Expired, passed);
        Assert.Equal(DeadLetters, await database.ValueAsync<long>("SELECT count(*) FROM rev_1.dead_letters"));
        await AssertIdsAsync(database);
        AssertSame(Activity.Of(Events), await ReadAsync(database, "user_id, project_id, bucket, event_type, tool, annotation_type",
            r => new ActivityKey(r.GetString(0), r.GetString(1), r.GetDateTime(2), r.GetInt16(3), r.GetString(4), r.GetString(5)), 6));
        AssertSame(Activity.ByUserAndProject(Events), await ReadAsync(database, "user_id, project_id", r => (r.GetString(0), r.GetString(1)), 2));
    }

    async Task AssertIdsAsync(TestDatabase database)
    {
        Assert.Equal(Events.Count, await database.ValueAsync<long>("SELECT count(*) FROM rev_1.event_ledger"));
        Assert.Equal(Events.Count, await database.ValueAsync<long>("SELECT count(*) FROM rev_1.events"));
        var named = Events.Where(e => e.Id is not null).Select(e => Guid.Parse(e.Id!)).ToArray();
        Assert.Equal(named.Length, await database.ValueAsync<long>(
            "SELECT count(*) FROM rev_1.events e JOIN rev_1.event_ledger l USING (tenant, event_id) JOIN unnest($1::uuid[]) AS sent (event_id) USING (event_id)", named));
    }

    static async Task<Dictionary<TKey, ActivitySums>> ReadAsync<TKey>(TestDatabase database, string key, Func<NpgsqlDataReader, TKey> readKey, int at) where TKey : notnull =>
        (await database.RowsAsync($"SELECT {key}, {Sums} FROM rev_1.activity GROUP BY {key}", r => (Key: readKey(r), Sums: new ActivitySums(
            r.GetInt64(at), r.GetInt64(at + 1), r.GetInt64(at + 2), r.GetInt64(at + 3), r.GetInt64(at + 4), r.GetDateTime(at + 5), r.GetDateTime(at + 6))))).ToDictionary(r => r.Key, r => r.Sums);

    static void AssertSame<TKey>(Dictionary<TKey, ActivitySums> expected, Dictionary<TKey, ActivitySums> stored) where TKey : notnull
    {
        var different = expected.Keys.Union(stored.Keys).Where(k => !Equals(expected.GetValueOrDefault(k), stored.GetValueOrDefault(k)))
            .Select(k => $"{k}: expected {expected.GetValueOrDefault(k)}, stored {stored.GetValueOrDefault(k)}").Take(5).ToList();
        Assert.True(different.Count == 0, string.Join('\n', different));
    }
}
