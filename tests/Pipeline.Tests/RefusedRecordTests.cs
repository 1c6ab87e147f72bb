using System.Text;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Pipeline.Tests.Oracle;

namespace Pipeline.Pipeline.Tests;

/// <summary>What PostgreSQL itself refuses as data: here by a trigger, because nothing that passes the contract is refused otherwise.</summary>
public sealed class RefusedRecordTests
{
    const int Events = 300;

    [Fact]
    public async Task A_batch_with_records_that_the_store_refuses_is_halved_until_only_those_are_dead_lettered()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(1);
        var command = await pipeline.CommandAsync("Processors", ["--migrate"]);
        Assert.Equal(0, command.ExitCode);
        await pipeline.Database.RowsAsync("""
            CREATE FUNCTION rev_1.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '22000'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON rev_1.events FOR EACH ROW WHEN (NEW.user_id = 'refused') EXECUTE FUNCTION rev_1.refuse()
            """, r => r.FieldCount);
        int[] refused = [0, 137, 138, Events - 1];
        var all = Enumerable.Range(0, Events).Select(i => Event(i, refused.Contains(i) ? "refused" : $"u{i % 7}")).ToList();
        await pipeline.Topic.PublishAsync(all.Select(e => new TopicRecord(e.Key, e.Bytes, 0)));
        await pipeline.StartProcessorsAsync();

        await pipeline.StoredToTheEndAsync();
        await new Expected([.. all.Where((_, i) => !refused.Contains(i))], Events) { DeadLetters = refused.Length }.AssertStoredAsync(pipeline);
        var letters = await pipeline.Database.RowsAsync("SELECT \"offset\", reason || ': ' || message, value FROM pipeline.dead_letters ORDER BY 1",
            r => (r.GetInt64(0), r.GetString(1), Encoding.UTF8.GetString(r.GetFieldValue<byte[]>(2))));
        Assert.Equal(refused.Select(i => ((long)i, "store_refused: not this one", Encoding.UTF8.GetString(all[i].Bytes))), letters);
    }

    static RawEvent Event(int i, string user) => RawEvent.Read(
        $$$"""{"event_id":"00000000-0000-8000-8000-{{{i + 1:x12}}}","event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"{{{user}}}","project_id":"p","data":{"type":"create","annotationType":"box","duration":10,"success":true}}""");
}
