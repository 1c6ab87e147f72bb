using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Erasure;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Tests.Postgres.Erasure;

public sealed class ErasureTests
{
    static readonly byte[] Event = """{"event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"u\u00e9","project_id":"p","data":{}}"""u8.ToArray();

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("missing_field", "ué")]
    [InlineData("killed_processor", "key")]
    [InlineData("processor_failed", "key")]
    public void A_letter_whose_record_ended_or_threw_at_its_reader_is_not_read_again(string reason, string user) => Assert.Equal(user, LetterUser.Of(reason, "key"u8.ToArray(), Event).UserId);

    [Theory]
    [InlineData("{", "key")]
    [InlineData("""{"user_id":7}""", "key")]
    [InlineData("""{"user_id":"\ud800"}""", "key")]
    public void Bytes_that_name_no_user_are_their_keys(string value, string user) => Assert.Equal(user, LetterUser.Of("malformed_json", "key"u8.ToArray(), Encoding.UTF8.GetBytes(value)).UserId);

    [Fact]
    public async Task Letters_are_dropped_by_a_tombstone_of_their_user_and_one_without_a_time_only_by_one_of_all_times()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new ErasureRequests(store.Pool);
        var writer = await store.OwnerAsync();
        await requests.CreateAsync("default", "ué", null, new DateTime(2024, 5, 1, 0, 15, 0, DateTimeKind.Utc), Stop);
        var batch = new EventBatch(0, "default") { Next = 3 };
        batch.DeadLetters.Add(Letter(0, Event, "key"));
        batch.DeadLetters.Add(Letter(1, "{"u8.ToArray(), "ué"));
        batch.DeadLetters.Add(Letter(2, Event, "key", FaultReason.KilledProcessor));
        Assert.Equal(new BatchOutcome(0, 0, 2, 1, 0), await writer.WriteAsync(batch, Stop));
        await requests.CreateAsync("default", "ué", null, null, Stop);
        var later = new EventBatch(3, "default") { Next = 4 };
        later.DeadLetters.Add(Letter(3, "{"u8.ToArray(), "ué"));
        Assert.Equal(new BatchOutcome(0, 0, 0, 1, 0), await writer.WriteAsync(later, Stop));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task A_store_that_says_so_late_is_waited_for_all_the_same()
    {
        await using var store = await Store.MigratedAsync();
        var requests = new ErasureRequests(store.Pool);
        var id = await requests.CreateAsync("default", "u", null, null, Stop);
        await requests.RegisterAsync(ErasureRequests.InfluxDb, Stop);
        await requests.NoteAsync(id, ErasureRequests.Postgres, new Dictionary<string, long> { ["events"] = 2 }, null, verified: true, Stop);
        Assert.Null((await requests.ReadAsync(id, Stop))!.FinishedAt);
        await requests.NoteAsync(id, ErasureRequests.InfluxDb, new Dictionary<string, long> { ["points"] = 1 }, "still there", verified: false, Stop);
        await requests.NoteAsync(id, ErasureRequests.InfluxDb, new Dictionary<string, long> { ["points"] = 1 }, null, verified: true, Stop);
        var receipt = (await requests.ReadAsync(id, Stop))!;
        Assert.NotNull(receipt.FinishedAt);
        Assert.Equal([(ErasureRequests.InfluxDb, 2L), (ErasureRequests.Postgres, 2L)], receipt.Stores.Select(s => (s.Store, s.Deleted.Values.Single())));
        Assert.Equal(0, await store.CountAsync("control.erasures WHERE user_id IS NOT NULL"));
    }

    [Fact]
    public void Of_an_erased_event_and_another_of_the_same_id_the_second_is_a_duplicate_and_no_letter_that_keeps_the_first()
    {
        var (first, second) = (Events.Rows.Row(0, Events.Rows.Id(1), "a"), Events.Rows.Row(1, Events.Rows.Id(1), "b"));
        first.IsErased = true;
        var resolved = new Duplicates([first, second]).Resolve();
        Assert.Same(first, Assert.Single(resolved.Dropped));
        Assert.Same(second, Assert.Single(resolved.Repeated));
        Assert.Empty(resolved.Conflicting);
    }

    static DeadLetter Letter(long offset, byte[] value, string key, FaultReason reason = FaultReason.MissingField) => new()
    {
        Offset = offset,
        Tenant = "default",
        Fault = new EventFault(reason),
        Key = Encoding.UTF8.GetBytes(key),
        Value = value,
        Headers = [],
        LoggedAtUs = 1_700_000_000_000_000,
    };
}
