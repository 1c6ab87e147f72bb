using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Faults;

/// <summary>A check that cannot fail proves nothing: each is shown what it is there for.</summary>
public sealed class ChecksTests
{
    readonly Traffic _traffic = new(new Random(1));
    readonly Ledger _ledger = new();
    readonly List<(Guid, RawEvent)> _rows = [];
    readonly List<(Guid?, string)> _letters = [];

    [Fact]
    public void What_was_answered_ok_and_is_stored_once_or_dead_is_in_order()
    {
        Store(Send(Told.Ok));
        Store(Send(Told.Unknown));
        Send(Told.Unknown);
        Send(Told.Refused);
        _letters.Add((Send(Told.Ok).Mark, "missing_field"));
        Assert.Empty(Findings());
    }

    [Fact]
    public void A_lost_event_is_found()
    {
        var lost = Send(Told.Unknown, Told.Ok);
        Assert.Contains(lost.Mark.ToString(), Assert.Single(Findings()), StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_stored_twice_is_found_under_one_id_and_under_two()
    {
        var twice = Send(Told.Ok);
        var id = Store(twice);
        Store(twice);
        Assert.Equal(["1 events are stored more than once"], Findings());
        _rows[1] = (id, _rows[1].Item2);
        Assert.Equal(["1 events are stored more than once", "an event_id is stored twice"], Findings());
    }

    [Fact]
    public void A_refused_event_that_appears_is_found()
    {
        Store(Send(Told.Refused));
        Assert.Contains(Findings(), f => f.Contains("refused", StringComparison.Ordinal));
    }

    [Fact]
    public void An_event_that_nobody_sent_and_one_in_two_places_are_found()
    {
        Store(_traffic.Next(named: true, 0));
        var both = Send(Told.Ok);
        Store(both);
        _letters.Add((both.Mark, "store_refused"));
        Assert.Equal(2, Findings().Count);
    }

    [Fact]
    public void Every_fault_is_told_in_the_documentation()
    {
        var told = File.ReadAllText(Path.Combine(TestServers.Repository, "docs", "faults.md"));
        Assert.DoesNotContain(Catalogue.Faults.All.Select(f => f.Name), name => !told.Contains($"| {name} |", StringComparison.Ordinal));
        Assert.Distinct(Catalogue.Faults.All.Select(f => f.Name));
    }

    [Fact]
    public async Task A_write_under_an_old_epoch_and_a_jump_are_found()
    {
        if (TestServers.Toolbox is null)
            Assert.Skip("PIPELINE_TOOLBOX names no folder of servers that this suite could start for itself");
        await using var lane = new Lane();
        await using var database = await lane.NewDatabaseAsync("fence_log");
        await RunAsync(database, "INSERT INTO rev_1.offsets (consumer, topic_id, partition, topic, first_offset, next_offset, backend_pid) VALUES ('c', 't', 0, 't', 0, 0, pg_backend_pid())");
        await RunAsync(database, "UPDATE rev_1.offsets SET epoch = 2, backend_pid = pg_backend_pid()");
        await RunAsync(database, "UPDATE rev_1.offsets SET next_offset = 5, backend_pid = pg_backend_pid()");
        Assert.Empty(await FenceLog.BreachesAsync(database));
        // By a session that does not own the row.
        await RunAsync(database, "UPDATE rev_1.offsets SET next_offset = 9, backend_pid = 1");
        Assert.Single(await FenceLog.BreachesAsync(database));
        await RunAsync(database, "UPDATE rev_1.offsets SET epoch = 1");
        await RunAsync(database, "UPDATE rev_1.offsets SET next_offset = 3, backend_pid = pg_backend_pid()");
        Assert.Equal(3, (await FenceLog.BreachesAsync(database)).Count);
    }

    static Task RunAsync(TestDatabase database, string sql) => database.RowsAsync(sql, _ => 0);

    SentEvent Send(params Told[] told)
    {
        var e = _traffic.Next(named: true, 0);
        foreach (var one in told)
            _ledger.Write(e.Mark, one);
        return e;
    }

    Guid Store(SentEvent e)
    {
        var id = Guid.NewGuid();
        _rows.Add((id, RawEvent.Read(e.Bytes)));
        return id;
    }

    IReadOnlyList<string> Findings()
    {
        var findings = new Findings();
        new Stored(_rows, _letters, new Outcomes()).CheckSets(_ledger.Read(), findings);
        return findings.List;
    }
}
