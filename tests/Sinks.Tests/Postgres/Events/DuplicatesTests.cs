using Pipeline.Sinks.Postgres.Events;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Events;

public sealed class DuplicatesTests
{
    [Fact]
    public void Within_a_batch_the_lowest_offset_is_first()
    {
        EventRow first = Row(1, Id(7)), same = Row(2, Id(7)), other = Row(3, Id(7), "other"), spaced = Row(4, Id(7), value: $$""" { "content" : "1", "id":"{{Id(7)}}" } """);
        var (fresh, repeated, conflicting) = new Duplicates([first, same, other, spaced]).Resolve();
        Assert.Equal([first], fresh);
        Assert.Equal([same, spaced], repeated);
        Assert.Equal([other], conflicting);
    }

    [Fact]
    public void One_id_of_two_tenants_is_two_events()
    {
        EventRow[] rows = [Row(1, Id(7)), Row(2, Id(7), "other", tenant: "b")];
        Assert.Equal(rows, new Duplicates(rows).Resolve().New.OrderBy(r => r.Offset));
    }

    [Fact]
    public void Against_the_ledger_the_digest_decides_then_the_content_and_a_row_that_is_gone_is_a_duplicate()
    {
        EventRow same = Row(1, Id(1)), spaced = Row(2, Id(2)), other = Row(3, Id(3)), gone = Row(4, Id(4)), erased = Row(5, Id(5)), fresh = Row(6, Id(6));
        EventRow again = Row(7, Id(3)), third = Row(8, Id(3), "third");
        var duplicates = new Duplicates([same, spaced, other, gone, erased, fresh, again, third]);
        duplicates.MarkKnown(same, Known(same.Digest, 1));
        duplicates.MarkKnown(spaced, Known([1], 2));
        duplicates.MarkKnown(other, Known([1], 3));
        duplicates.MarkKnown(gone, Known([1], 4));
        duplicates.MarkKnown(erased, Known([], 5));
        var undecided = duplicates.Undecided().ToDictionary(k => k.Offset);
        Assert.Equal([2, 3, 4, 5], undecided.Keys.Order());
        undecided[2].Value = [(byte)' ', .. spaced.Value];
        undecided[3].Value = third.Value;
        var (isNew, repeated, conflicting) = duplicates.Resolve();
        Assert.Equal([fresh], isNew);
        Assert.Equal([1L, 2, 4, 5, 8], repeated.Select(r => r.Offset).Order());
        Assert.Equal([3L, 7], conflicting.Select(r => r.Offset).Order());

        static KnownEvent Known(byte[] digest, long offset) => new(digest, 1, offset, DateTime.UnixEpoch);
    }
}
