using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Retention;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Retention;

public sealed class TombstoneRetentionTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    static readonly DateTime May = new(2024, 5, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public async Task Those_that_a_later_one_of_the_user_covers_go_and_what_was_covered_stays_covered()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new ErasureRequests(store.Pool);
        await requests.CreateAsync("default", "u", May, May.AddHours(2), Stop);
        await requests.CreateAsync("default", "u", May, May.AddHours(1), Stop);
        await requests.CreateAsync("default", "u", null, May.AddHours(1), Stop);
        await requests.CreateAsync("default", "v", null, null, Stop);
        await requests.CreateAsync("other", "u", null, null, Stop);
        Assert.Equal(1, await MergeAsync(store));
        await requests.CreateAsync("default", "u", null, null, Stop);
        Assert.Equal(2, await MergeAsync(store));
        Assert.Equal(0, await MergeAsync(store));
        Assert.Equal([4L, 5, 6], await store.Database.RowsAsync("SELECT version FROM control.tombstones ORDER BY 1", r => r.GetInt64(0)));
        // A session that reads them only now drops what any of the six covers.
        var writer = await store.OwnerAsync();
        Assert.Equal(new BatchOutcome(1, 0, 0, 2, 0), await writer.WriteAsync(Batch(0, 3, Row(0, user: "u"), Row(1, user: "v"), Row(2, user: "w")), Stop));
    }

    [Fact]
    public async Task Old_ones_go_when_their_erasure_is_done()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new ErasureRequests(store.Pool);
        var done = await requests.CreateAsync("default", "u", null, null, Stop);
        await requests.CreateAsync("default", "v", null, null, Stop);
        await requests.NoteAsync(done, ErasureRequests.Postgres, new Dictionary<string, long>(), null, verified: true, Stop);
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        Assert.Equal(0, await TombstoneRetention.TrimAsync(session, DateTime.UtcNow.AddDays(-1), Stop));
        Assert.Equal(1, await TombstoneRetention.TrimAsync(session, DateTime.UtcNow.AddDays(1), Stop));
        Assert.Equal(2, await store.Database.ValueAsync<long>("SELECT version FROM control.tombstones"));
        // The next one has a version that nobody has read.
        await requests.CreateAsync("default", "w", null, null, Stop);
        Assert.Equal(3, await store.Database.ValueAsync<long>("SELECT max(version) FROM control.tombstones"));
    }

    static async Task<long> MergeAsync(Store store)
    {
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        return await TombstoneRetention.MergeAsync(session, Stop);
    }
}
