using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class DeadLetterReaderTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    static readonly DeadLetterFilter All = new(State: DeadLetterState.All);

    [Fact]
    public async Task Letters_of_the_revision_and_of_the_other_roads_stand_in_one_list()
    {
        await using var store = await Store.MigratedAsync();
        var batch = Batch(0, 1);
        batch.DeadLetters.Add(Letter(0));
        await (await store.OwnerAsync()).WriteAsync(batch, Stop);
        await WriteAsync(store, "events-influx", Letter(5));
        var (letters, next) = await new DeadLetterReader(store.Pool).ListAsync(All, 50, null, Stop);
        Assert.Equal([("events-influx", 5), ("events-postgres", 0)], letters.Select(l => (l.Consumer, l.Offset)));
        Assert.Null(next);
    }

    [Fact]
    public async Task What_was_written_is_read_byte_for_byte()
    {
        await using var store = await Store.MigratedAsync();
        byte[] key = [0, 0xFF, 0x80], value = [0xC3, 0x28, 0];
        KeyValuePair<string, byte[]?>[] headers = [new("a", [0xFF, 0]), new("a", []), new("é", null)];
        await WriteAsync(store, "events-influx", Of(7, value, key, headers, "why"), Of(8, null, null, []), Of(9, "é漢😀\0"u8.ToArray(), [], []));
        var reader = new DeadLetterReader(store.Pool);
        var letters = await Task.WhenAll(new[] { 7L, 8, 9 }.Select(o => reader.FindAsync(Place(o), Stop)));
        Assert.Equal(("00FF80", "C32800", null, 3, "why", false),
            (Convert.ToHexString(letters[0]!.Key!), Convert.ToHexString(letters[0]!.Value!), letters[0]!.ValueText, letters[0]!.ValueBytes, letters[0]!.Message, letters[0]!.Truncated));
        Assert.Equal([("a", "FF00"), ("a", ""), ("é", null)], letters[0]!.Headers.Select(h => (h.Name, h.Value is null ? null : Convert.ToHexString(h.Value))));
        Assert.Equal((null, null, null, (int?)null), (letters[1]!.Key, letters[1]!.Value, letters[1]!.ValueText, letters[1]!.ValueBytes));
        Assert.Equal(("é漢😀\0", 0), (letters[2]!.ValueText, letters[2]!.Key!.Length));
        Assert.Null(await reader.FindAsync(Place(10), Stop));
        var listed = (await reader.ListAsync(All, 50, null, Stop)).Letters.Single(l => l.Offset == 7);
        Assert.Equal(("00FF80", "C32800", 3, false), (Convert.ToHexString(listed.Key!), Convert.ToHexString(listed.Value!), listed.Headers.Count, listed.Truncated));
    }

    [Fact]
    public async Task A_list_shows_large_letters_in_part_and_the_letter_itself_whole()
    {
        await using var store = await Store.MigratedAsync();
        // Cut in the middle of a character of three bytes.
        var text = "x" + string.Concat(Enumerable.Repeat("漢", 1000));
        var wide = new byte[DeadLetterReader.ListedBytesMax + 1];
        await WriteAsync(store, "events-influx", Of(1, Encoding.UTF8.GetBytes(text), null, []), Of(2, null, null, [new("h", wide)]), Of(3, null, wide, []), Of(4, null, null, [], new string('m', wide.Length)),
            Of(5, wide[1..], wide[1..], [new("h", wide[2..])]));
        var reader = new DeadLetterReader(store.Pool);
        var listed = (await reader.ListAsync(All, 50, null, Stop)).Letters.ToDictionary(l => l.Offset);
        Assert.Equal((2048, 3001, text[..683]), (listed[1].Value!.Length, listed[1].ValueBytes, listed[1].ValueText));
        Assert.Empty(listed[2].Headers);
        Assert.Equal((2048, 2048), (listed[3].Key!.Length, listed[4].Message.Length));
        Assert.Equal([(1, true), (2, true), (3, true), (4, true), (5L, false)], listed.Values.OrderBy(l => l.Offset).Select(l => (l.Offset, l.Truncated)));
        foreach (var offset in new[] { 1L, 2, 3, 4 })
            Assert.False((await reader.FindAsync(Place(offset), Stop))!.Truncated);
        Assert.Equal(text, (await reader.FindAsync(Place(1), Stop))!.ValueText);
        Assert.Equal(wide, (await reader.FindAsync(Place(2), Stop))!.Headers.Single().Value);
    }

    [Fact]
    public async Task Pages_show_each_letter_once_though_a_whole_batch_failed_at_the_same_time()
    {
        await using var store = await Store.MigratedAsync();
        foreach (var consumer in (string[])["events-influx", "results-postgres"])
            await WriteAsync(store, consumer, [.. Enumerable.Range(0, 40).Select(o => Letter(o))]);
        var reader = new DeadLetterReader(store.Pool);
        var seen = new List<StoredDeadLetter>();
        DeadLetterCursor? after = null;
        do
        {
            var (letters, next) = await reader.ListAsync(All, 7, after, Stop);
            Assert.InRange(letters.Count, 1, 7);
            seen.AddRange(letters);
            // What fails meanwhile is newer and belongs before the first page.
            await WriteAsync(store, "events-influx", Letter(1000 + seen.Count));
            after = next;
        }
        while (after is not null);
        Assert.Equal(80, seen.Select(l => (l.Consumer, l.Offset)).Distinct().Count());
        Assert.Equal(80, seen.Count);
        Assert.Equal(seen.OrderByDescending(l => l.FailedFirst).Select(l => l.FailedFirst), seen.Select(l => l.FailedFirst));
    }

    [Fact]
    public async Task Groups_count_letters_and_tenants_of_one_cause_and_name_the_newest()
    {
        await using var store = await Store.MigratedAsync();
        await WriteAsync(store, "events-influx", Letter(1, "one"), Letter(2, "other"), Letter(3, "one"));
        await WriteAsync(store, "events-influx", Of(4, null, null, []));
        var reader = new DeadLetterReader(store.Pool);
        var (groups, more) = await reader.GroupAsync(All, 50, Stop);
        Assert.False(more);
        Assert.Equal(4, groups.Sum(g => g.Count));
        var largest = groups[0];
        Assert.Equal((3, 2, "events-influx", "invalid", "processing"), (largest.Count, largest.Tenants, largest.Consumer, largest.Kind, largest.Stage));
        Assert.True(largest.First <= largest.Last);
        Assert.Contains((await reader.FindAsync(Place(largest.Example.Offset), Stop))!.Offset, new[] { 1L, 2, 3 });
        Assert.True((await reader.GroupAsync(All, 1, Stop)) is { More: true, Groups.Count: 1 });
    }

    static DeadLetterPlace Place(long offset) => new("events-influx", Store.Log().TopicId, 0, offset);

    static DeadLetter Letter(long offset, string tenant = "default") =>
        new() { Offset = offset, Tenant = tenant, Fault = new EventFault(FaultReason.MissingField, "user_id"), Headers = [], LoggedAtUs = Monday, Value = [(byte)'{'] };

    static DeadLetter Of(long offset, byte[]? value, byte[]? key, KeyValuePair<string, byte[]?>[] headers, string? message = null) => new()
    {
        Offset = offset, Tenant = "default", Fault = new EventFault(FaultReason.InfluxRefused), Headers = headers, LoggedAtUs = Monday, Key = key, Value = value, Message = message,
    };

    static Task WriteAsync(Store store, string consumer, params DeadLetter[] letters) =>
        new DeadLetterWriter(store.Pool).WriteAsync(Store.Log() with { Consumer = consumer }, letters, Stop);
}
