using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>
/// A record of every committed change of an offsets row, written by a trigger of the test's own within the same transaction: what the fence
/// promises can be checked afterwards, and how long each offset waited.
/// </summary>
static class FenceLog
{
    /// <summary>
    /// Deferred, so that it runs at COMMIT: its time is that of the commit. Its settings let a fault hold up every commit, or fail it.
    /// </summary>
    public const string Install = """
        CREATE SCHEMA faults;
        CREATE TABLE faults.commits (
            seq bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, log_id int NOT NULL, old_epoch bigint, epoch bigint NOT NULL,
            old_next bigint, next bigint NOT NULL, owner_pid int, writer_pid int NOT NULL, owner text);
        CREATE INDEX ON faults.commits (log_id, next);
        CREATE TABLE faults.settings (commit_delay_s real NOT NULL DEFAULT 0, commit_fails boolean NOT NULL DEFAULT false);
        INSERT INTO faults.settings DEFAULT VALUES;
        CREATE FUNCTION faults.note() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            how faults.settings%ROWTYPE;
        BEGIN
            SELECT * INTO how FROM faults.settings;
            IF how.commit_fails THEN
                RAISE EXCEPTION 'the fault suite fails this commit' USING ERRCODE = '40001';
            END IF;
            IF how.commit_delay_s > 0 THEN
                PERFORM pg_sleep(how.commit_delay_s);
            END IF;
            INSERT INTO faults.commits (at, log_id, old_epoch, epoch, old_next, next, owner_pid, writer_pid, owner)
            VALUES (clock_timestamp(), NEW.log_id, OLD.epoch, NEW.epoch, OLD.next_offset, NEW.next_offset, NEW.backend_pid, pg_backend_pid(), NEW.owner);
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER faults_note AFTER INSERT OR UPDATE ON rev_1.offsets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION faults.note();
        """;

    static readonly TimeSpan DelayAddedMax = TimeSpan.FromSeconds(1);

    const string Breaches = """
        WITH changes AS (SELECT *, lag(epoch) OVER w AS before_epoch, lag(next) OVER w AS before_next FROM faults.commits WINDOW w AS (PARTITION BY log_id ORDER BY seq))
        SELECT format('log %s, change %s: epoch %s after %s, offset %s to %s after %s, written by session %s while %s owned it', log_id, seq, epoch, before_epoch, old_next, next, before_next, writer_pid, owner_pid)
        FROM changes WHERE epoch < before_epoch OR old_epoch <> before_epoch OR old_next <> before_next OR next < old_next
            OR (next > old_next AND (epoch <> old_epoch OR owner_pid IS DISTINCT FROM writer_pid)) ORDER BY seq LIMIT 5
        """;

    /// <summary>From the broker's time of a stored event to the commit that stored it, ms: the percentile asked for.</summary>
    const string Delays = """
        SELECT coalesce(percentile_disc($1) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - e.logged_at) * 1000), 0)::float8
        FROM rev_1.events e JOIN LATERAL (SELECT at FROM faults.commits c WHERE c.log_id = e.log_id AND c.next > e."offset" AND c.old_next <= e."offset" LIMIT 1) c ON true
        WHERE e.logged_at >= $2 AND e.logged_at < $3
        """;

    /// <summary>Changes that the fence must not have let through: an epoch that fell, an offset that jumped, a writer that was not the owner.</summary>
    public static Task<List<string>> BreachesAsync(TestDatabase database) => database.RowsAsync(Breaches, r => r.GetString(0));

    static async Task<TimeSpan> DelayAsync(FaultRun run, DateTime from, DateTime to) =>
        TimeSpan.FromMilliseconds(await run.Database.ValueAsync<double>(Delays, 0.99, from, to));

    /// <summary>From striking until then, the fault delayed the events that it did not concern by less than a second, beyond what they waited just before.</summary>
    public static async Task CheckDelayAsync(FaultRun run, Findings findings, DateTime until)
    {
        var before = await DelayAsync(run, run.AtWorkUtc, run.StruckAtUtc);
        var during = await DelayAsync(run, run.StruckAtUtc, until);
        Seeds.Say($"events waited {during.TotalSeconds:F2} s (p99) while the fault lasted, {before.TotalSeconds:F2} s before");
        findings.Expect(during - before < DelayAddedMax, $"events waited {during.TotalSeconds:F2} s (p99) while the fault lasted, {before.TotalSeconds:F2} s before");
    }

    public static Task SlowCommitsAsync(TestDatabase database, double seconds) => database.RowsAsync($"UPDATE faults.settings SET commit_delay_s = $1", r => 0, (float)seconds);

    public static Task FailCommitsAsync(TestDatabase database, bool fail) => database.RowsAsync("UPDATE faults.settings SET commit_fails = $1", r => 0, fail);
}
