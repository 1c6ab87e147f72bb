using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

/// <summary>What becomes of an id that comes again, in a real ledger.</summary>
public sealed class DuplicateWritingTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_repeat_is_a_duplicate_within_a_batch_across_batches_and_across_partitions()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync(0);
        Assert.Equal(new BatchOutcome(1, 1, 0, 0, 0), await writer.WriteAsync(Batch(0, 2, Row(0, Id(1)), Row(1, Id(1))), Stop));
        Assert.Equal(new BatchOutcome(1, 1, 0, 0, 0), await writer.WriteAsync(Batch(2, 4, Row(2, Id(1)), Row(3, Id(2))), Stop));
        var other = await store.OwnerAsync(1);
        Assert.Equal(new BatchOutcome(0, 2, 0, 0, 0), await other.WriteAsync(Batch(0, 2, Row(0, Id(2)), Row(1, Id(1))), Stop));
        Assert.Equal(new Outcomes(2, 4), await store.Database.OutcomesAsync());
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task One_id_of_two_tenants_is_two_events()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        Assert.Equal(new BatchOutcome(2, 0, 0, 0, 0), await writer.WriteAsync(Batch(0, 2, Row(0, Id(1), "a"), Row(1, Id(1), "b", tenant: "other")), Stop));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task The_same_content_in_other_bytes_is_a_duplicate()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0, Id(1), "é")), Stop);
        var spaced = $$""" { "content" : "\u00e9" , "id" : "{{Id(1)}}" } """;
        Assert.Equal(new BatchOutcome(0, 2, 0, 0, 0), await writer.WriteAsync(Batch(1, 3, Row(1, Id(1), value: spaced), Row(2, Id(1), value: spaced)), Stop));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Other_content_under_a_known_id_is_a_dead_letter_and_the_first_stays()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0, Id(1), "first"), Row(1, Id(1), "within the batch")), Stop);
        Assert.Equal(new BatchOutcome(1, 1, 2, 0, 0), await writer.WriteAsync(Batch(2, 6, Row(2, Id(1), "later"), Row(3, Id(1), "later"), Row(4, Id(1), "first"), Row(5, Id(2))), Stop));
        Assert.Equal(["1 conflicting_duplicate {ingest,empty}", "2 conflicting_duplicate {ingest,empty}", "3 conflicting_duplicate {ingest,empty}"],
            await store.Database.RowsAsync("SELECT \"offset\" || ' ' || reason || ' ' || header_names::text FROM pipeline.dead_letters ORDER BY 1", r => r.GetString(0)));
        Assert.Equal([Row(0, Id(1), "first").Value], await store.Database.RowsAsync("SELECT value FROM pipeline.events WHERE event_id = $1", r => r.GetFieldValue<byte[]>(0), Id(1)));
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task An_id_whose_row_is_gone_is_a_duplicate()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 2, Row(0, Id(1), "first"), Row(1, Id(2), "first")), Stop);
        // Retention took one, erasure the other.
        await store.ExecuteAsync("DELETE FROM rev_1.events");
        await store.ExecuteAsync("UPDATE rev_1.event_ledger SET digest = '' WHERE event_id = $1", Id(2));
        Assert.Equal(new BatchOutcome(0, 2, 0, 0, 0), await writer.WriteAsync(Batch(2, 4, Row(2, Id(1), "later"), Row(3, Id(2), "later")), Stop));
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
    }

    [Fact]
    public async Task Odd_numbers_under_a_known_id_never_stop_the_writer()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 1, Row(0, Id(1), value: """{"x":1e-99999999999}""")), Stop);
        Assert.Equal(new BatchOutcome(0, 0, 1, 0, 0), await writer.WriteAsync(Batch(1, 2, Row(1, Id(1), value: """{"x": 1e-99999999999}""")), Stop));
        await store.AssertConservedAsync();
    }

    /// <summary>Two partitions write the same ids in opposite order, again and again: neither waits for the other in a circle, and none is stored twice.</summary>
    [Fact]
    public async Task Writers_of_the_same_ids_in_opposite_order_neither_deadlock_nor_double()
    {
        const int rounds = 15, size = 200;
        await using var store = await Store.MigratedAsync();
        var random = Seeds.Next();
        var ids = Enumerable.Range(0, rounds).Select(_ => Enumerable.Range(0, size).Select(_ => Guid.NewGuid()).ToArray()).ToList();
        var orders = Enumerable.Range(0, 3).Select(p => ids.Select(round => { var own = (Guid[])round.Clone(); if (p == 1) Array.Reverse(own); else random.Shuffle(own); return own; }).ToList()).ToList();
        var writers = await Task.WhenAll(Enumerable.Range(0, 3).Select(p => store.OwnerAsync(p)));
        var outcomes = await Task.WhenAll(writers.Select((writer, p) => Task.Run(async () =>
        {
            var stored = 0;
            foreach (var order in orders[p])
            {
                var from = writer.NextOffset;
                stored += (await writer.WriteAsync(Batch(from, from + size, order.Select((id, i) => Row(from + i, id, user: $"u{i % 7}"))), Stop)).Stored;
            }
            return stored;
        }, Stop)));
        Assert.Equal(rounds * size, outcomes.Sum());
        Assert.Equal(new Outcomes(rounds * size, 2 * rounds * size), await store.Database.OutcomesAsync());
        await store.AssertConservedAsync();
    }

    [Fact]
    public async Task Random_batches_store_every_id_once()
    {
        await using var store = await Store.MigratedAsync();
        var random = Seeds.Next();
        var writer = await store.OwnerAsync();
        var firsts = new Dictionary<Guid, string>();
        int stored = 0, repeated = 0, conflicting = 0;
        for (var round = 0; round < 30; round++)
        {
            var from = writer.NextOffset;
            var rows = new List<EventRow>();
            for (var offset = from; offset < from + 50; offset++)
            {
                if (random.Next(10) == 0)
                    continue;
                var (id, content) = (Id(random.Next(300)), random.Next(8) == 0 ? "other" : "1");
                rows.Add(Row(offset, id, content));
                if (firsts.TryAdd(id, content))
                    stored++;
                else if (firsts[id] == content)
                    repeated++;
                else
                    conflicting++;
            }
            await writer.WriteAsync(Batch(from, from + 50, rows), Stop);
            await store.AssertConservedAsync();
        }
        var outcomes = await store.Database.OutcomesAsync();
        Assert.Equal((stored, repeated, conflicting), (outcomes.Stored, outcomes.Duplicate, outcomes.DeadLettered));
    }
}
