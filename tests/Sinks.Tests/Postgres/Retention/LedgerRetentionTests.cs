using Pipeline.Contracts;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;
using Pipeline.Sinks.Postgres.Retention;
using static Pipeline.Sinks.Tests.Postgres.Events.Rows;

namespace Pipeline.Sinks.Tests.Postgres.Retention;

public sealed class LedgerRetentionTests
{
    const long DayUs = 24L * 3600 * 1_000_000;

    static readonly TimeSpan Day = TimeSpan.FromDays(1);
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    static DateTime At(long us) => DateTime.UnixEpoch.AddTicks(us * 10);

    [Fact]
    public async Task Ids_of_before_go_and_those_within_the_window_still_tell_duplicates()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 10, Enumerable.Range(0, 10).Select(i => Row(i, Id(i), loggedAtUs: Monday + (i * DayUs)))), Stop);
        Assert.Equal(4, await TrimAsync(store, At(Monday + (4 * DayUs))));
        Assert.Equal(new BatchOutcome(1, 2, 0, 0, 0), await writer.WriteAsync(Batch(10, 13, Row(10, Id(4)), Row(11, Id(9)), Row(12, Id(3), loggedAtUs: Monday + (9 * DayUs))), Stop));
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
        // A walk that would take nearly the same is left for later.
        Assert.Null(await BeginAsync(store, At(Monday + (4 * DayUs) + (DayUs / 2))));
        Assert.Equal(1, await TrimAsync(store, At(Monday + (5 * DayUs))));
    }

    [Fact]
    public async Task A_walk_that_was_ended_in_the_middle_goes_on_there_and_takes_what_it_would_have_taken()
    {
        await using var store = await Store.MigratedAsync();
        await store.ExecuteAsync("""
            INSERT INTO rev_1.event_ledger (event_id, "offset", logged_at, log_id, tenant, digest)
            SELECT gen_random_uuid(), i, timestamptz '2024-01-01Z' + i * interval '1 s', 1, 'default', '\x0123456789abcdef0123456789abcdef' FROM generate_series(0, 119999) AS i
            """);
        var until = At(Monday + (100_000 * 1_000_000L));
        await using (var killed = await store.Sessions.OpenConnectionAsync(Stop))
        {
            var ledger = new LedgerRetention(killed, "rev_1");
            Assert.Equal(until, await ledger.BeginAsync(until, Day, Stop));
            var (trimmed, isLast) = await ledger.StepAsync(until, Stop);
            Assert.InRange(trimmed, 40_000, 50_000);
            Assert.False(isLast);
            Assert.Equal(120_000 - trimmed, await store.CountAsync("rev_1.event_ledger"));
        }
        Assert.True(await store.Database.ValueAsync<long>("SELECT ledger_page FROM control.retention") > 0);
        // The other process would take more; it ends this walk first, and does not tell that more is gone than is.
        await using (var next = await store.Sessions.OpenConnectionAsync(Stop))
        {
            var ledger = new LedgerRetention(next, "rev_1");
            Assert.Equal(until, await ledger.BeginAsync(until.AddDays(30), Day, Stop));
            var steps = 1;
            while (!(await ledger.StepAsync(until, Stop)).IsLast)
                steps++;
            Assert.InRange(steps, 2, 3);
        }
        Assert.Equal(20_000, await store.CountAsync("rev_1.event_ledger"));
        Assert.Equal(0, await store.CountAsync($"rev_1.event_ledger WHERE logged_at < '{until:O}'"));
        Assert.Equal(until, await store.Database.ValueAsync<DateTime>("SELECT ledger_from FROM control.retention"));
    }

    [Fact]
    public async Task Ids_of_open_letters_stay_whatever_made_the_id_and_go_when_the_letter_is_closed()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        var header = new IngestHeader(1, "default", "batch", 7, null, null, null).Encode();
        var value = """{"data":{}}"""u8.ToArray();
        Guid[] kept = [Id(0), EventIdentity.FromBatch("batch", 7, value), EventIdentity.FromLog("topic-id", 0, 102)];
        await writer.WriteAsync(Batch(0, 4, [.. kept.Select((id, i) => Row(i, id)), Row(3, Id(3))]), Stop);
        // A conflict; a refused point of a stored event of a batch, and of one of no batch; letters of nothing that is known, one of them never to be read.
        await writer.WriteAsync(Batch(4, 5, Row(4, Id(0), """other","event_id":"00000000-0000-4000-8000-000000000000""", value: $$"""{"event_id":"{{Id(0)}}","data":1}""")), Stop);
        await LetterAsync(store, 101, value, "influx_refused", header);
        await LetterAsync(store, 102, value, "influx_refused");
        await LetterAsync(store, 103, "{"u8.ToArray(), "malformed_json");
        await LetterAsync(store, 104, System.Text.Encoding.UTF8.GetBytes($$"""{"event_id":"{{Id(3)}}"}"""), "killed_processor");
        Assert.Equal(1, await TrimAsync(store, At(Monday + DayUs)));
        Assert.Equal(kept.Order(), (await store.Database.RowsAsync("SELECT event_id FROM pipeline.event_ledger", r => r.GetGuid(0))).Order());
        await store.ExecuteAsync("UPDATE rev_1.dead_letters SET closed_at = now()");
        await store.ExecuteAsync("UPDATE control.dead_letters SET closed_at = now() WHERE \"offset\" = 102");
        Assert.Equal(2, await TrimAsync(store, At(Monday + (3 * DayUs))));
        Assert.Equal(kept[1..2], await store.Database.RowsAsync("SELECT event_id FROM pipeline.event_ledger", r => r.GetGuid(0)));
    }

    [Fact]
    public async Task Log_positions_name_the_newest_row_that_is_there()
    {
        await using var store = await Store.MigratedAsync();
        var writer = await store.OwnerAsync();
        await writer.WriteAsync(Batch(0, 3, Row(0), Row(1, loggedAtUs: Monday + DayUs), Row(2, Id(0), loggedAtUs: Monday + (2 * DayUs))), Stop);
        await store.OwnerAsync(1);
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        Assert.Equal([new LogPosition("efficiency.events", 0, 3, At(Monday + DayUs)), new LogPosition("efficiency.events", 1, 0, null)], await new RetentionStore(session).LogsAsync("rev_1", Stop));
    }

    /// <summary>Two writers with new ids, repeats and old weeks, while weeks are dropped and ids trimmed all the time.</summary>
    [Fact]
    public async Task Under_load_nothing_is_lost_or_doubled()
    {
        const int batches = 60, size = 200, days = 28;
        await using var store = await Store.MigratedAsync();
        var random = Seeds.Next();
        var seeds = (random.Next(), random.Next());
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (dropped, trimmed, written) = (0, 0L, 0);
        var retention = Task.Run(async () =>
        {
            while (!ending.IsCancellationRequested)
            {
                // Writers that lose their weeks again and again come to an end only between two rounds.
                var before = Volatile.Read(ref written);
                await Until.TrueAsync("the writers go on", TimeSpan.FromSeconds(60), () => ending.IsCancellationRequested || Volatile.Read(ref written) >= before + 4);
                dropped += (await WeekRetentionTests.DropAsync(store, At(Monday + (21 * DayUs)))).Count;
                await store.ExecuteAsync("UPDATE control.retention SET ledger_from = NULL");
                trimmed += await TrimAsync(store, At(Monday + (7 * DayUs)));
            }
        }, Stop);
        var stored = await Task.WhenAll(WriteAsync(0, new Random(seeds.Item1)), WriteAsync(1, new Random(seeds.Item2)));
        await ending.CancelAsync();
        await retention;
        Seeds.Say($"{dropped} weeks dropped, {trimmed} ids trimmed, {stored.Sum(s => s.Fenced)} times acquired again");
        Assert.True(dropped > 3 && trimmed > 0 && stored.Sum(s => s.Fenced) > 0);
        Assert.Equal(0, await store.CountAsync("pipeline.conservation WHERE difference <> 0"));
        var outcomes = await store.Database.OutcomesAsync();
        Assert.Equal((stored.Sum(s => s.Stored), 0L), (outcomes.Stored, outcomes.DeadLettered));
        Assert.Equal(outcomes.Stored, await store.Database.ValueAsync<long>("SELECT sum(events)::bigint FROM pipeline.activity"));
        Assert.Equal(0, await store.CountAsync("(SELECT event_id FROM pipeline.events GROUP BY 1 HAVING count(*) > 1) AS doubled"));
        Assert.Equal(outcomes.Stored, trimmed + await store.CountAsync("pipeline.event_ledger"));

        // Each id has its own time, so that one of within the window is never new twice: the stored are the ids, and those of before the window once more for each time they were forgotten.
        async Task<(long Stored, int Fenced)> WriteAsync(int partition, Random own)
        {
            var writer = await store.OwnerAsync(partition);
            var (n, fenced) = (0L, 0);
            var seen = new HashSet<int>();
            for (var round = 0; round < batches; round++)
            {
                var from = round * (long)size;
                var rows = Enumerable.Range(0, size).Select(i => own.Next(size * batches)).Select((id, i) =>
                    Row(from + i, Id((partition << 24) + id), user: $"u{id % 5}", loggedAtUs: Monday + (id % days * DayUs), occurredAtUs: Monday + (id % days * DayUs))).ToList();
                while (true)
                {
                    try
                    {
                        var outcome = await writer.WriteAsync(Batch(from, from + size, rows), Stop);
                        n += outcome.Stored;
                        Interlocked.Increment(ref written);
                        Assert.Equal(size, outcome.Stored + outcome.Duplicates);
                        // Whatever is within the window is stored when it is seen first, and never again.
                        var fresh = rows.Where(r => r.LoggedAtUs >= Monday + (7 * DayUs)).Select(r => BitConverter.ToInt32(r.EventId.ToByteArray())).Distinct().Count(seen.Add);
                        Assert.True(outcome.Stored >= fresh, $"{outcome.Stored} of at least {fresh} were stored");
                        break;
                    }
                    catch (FencedException)
                    {
                        fenced++;
                        await writer.AcquireAsync(Store.Log(partition), new LogExtent(0, 1_000_000), Stop);
                    }
                }
            }
            var within = await store.Database.ValueAsync<long>($"SELECT count(*) FROM pipeline.event_ledger WHERE log_id = {writer.LogId} AND logged_at >= '2024-01-08Z'");
            Assert.Equal(seen.Count, within);
            return (n, fenced);
        }
    }

    static async Task<DateTime?> BeginAsync(Store store, DateTime until)
    {
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        return await new LedgerRetention(session, "rev_1").BeginAsync(until, Day, Stop);
    }

    static async Task<long> TrimAsync(Store store, DateTime until)
    {
        await using var session = await store.Sessions.OpenConnectionAsync(Stop);
        var ledger = new LedgerRetention(session, "rev_1");
        Assert.Equal(until, await ledger.BeginAsync(until, Day, Stop));
        var sum = 0L;
        while (true)
        {
            var (trimmed, isLast) = await ledger.StepAsync(until, Stop);
            sum += trimmed;
            if (isLast)
                return sum;
        }
    }

    static Task LetterAsync(Store store, long offset, byte[] value, string reason, byte[]? header = null) => store.ExecuteAsync("""
        INSERT INTO control.dead_letters (consumer, topic_id, partition, "offset", topic, tenant, stage, kind, reason, message, fingerprint, header_names, header_values, value, logged_at, failed_first, failed_last)
        VALUES ('events-influx', 'topic-id', 0, $1, 't', 'default', 'sending', 'invalid', $2, '', '', $3, $4, $5, now(), now(), now())
        """, offset, reason, header is null ? Array.Empty<string>() : [Topics.IngestHeaderName], header is null ? Array.Empty<byte[]>() : [header], value);
}
