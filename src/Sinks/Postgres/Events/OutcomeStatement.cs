using Npgsql;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Counts what became of every offset of a batch. The sum of the counts is the number of offsets passed, whatever the batch held.</summary>
static class OutcomeStatement
{
    const string Sql = """
        INSERT INTO outcomes (consumer, topic_id, partition, tenant, outcome, n)
        SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::bigint[])
        ON CONFLICT (consumer, topic_id, partition, tenant, outcome) DO UPDATE SET n = outcomes.n + excluded.n
        """;

    public static NpgsqlBatchCommand Upsert(LogPlace log, EventBatch batch, ResolvedEvents resolved, List<DeadLetter> letters)
    {
        var counts = new SortedDictionary<(string Tenant, string Outcome), long>();
        void Count(string tenant, string outcome, long n) => counts[(tenant, outcome)] = counts.GetValueOrDefault((tenant, outcome)) + n;
        // Neighbours are of one tenant nearly always: the dictionary is asked once for all of them.
        void CountRows(List<EventRow> rows, string outcome)
        {
            for (int first = 0, next; first < rows.Count; first = next)
            {
                for (next = first + 1; next < rows.Count && rows[next].Tenant == rows[first].Tenant;)
                    next++;
                Count(rows[first].Tenant, outcome, next - first);
            }
        }
        CountRows(resolved.New, "stored");
        CountRows(resolved.Repeated, "duplicate");
        CountRows(resolved.Dropped, "dropped");
        foreach (var letter in batch.DeadLetters.Where(l => l.IsErased))
            Count(letter.Tenant, "dropped", 1);
        foreach (var letter in letters)
            Count(letter.Tenant, "dead_lettered", 1);
        if (batch.Absent > 0)
            Count(batch.TopicTenant, "absent", batch.Absent);
        return EventStatements.Command(Sql, log.Consumer, log.TopicId, log.Partition,
            counts.Keys.Select(k => k.Tenant).ToArray(), counts.Keys.Select(k => k.Outcome).ToArray(), counts.Values.ToArray());
    }
}
