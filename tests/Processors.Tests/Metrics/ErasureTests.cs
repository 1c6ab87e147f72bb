using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Processors.Tests.Metrics;

/// <summary>After an erasure every figure is that of a trace in which the erased events never were.</summary>
public sealed class ErasureTests
{
    const int Partitions = 3;

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(AgreementTests.Seed, 3)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task An_erased_user_leaves_everybody_elses_figures_as_if_they_had_never_been_there(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync(trace, _ => random.Next(Partitions), () => random.Next(1, 60));
        await store.AddUpAsync(DateTime.UtcNow);
        var user = Pick(MetricsOracle.Of(trace).Users, random);
        await store.EraseAsync(user);
        var left = MetricsOracle.Of(trace.Where(e => UserOf(e) != user));
        await AgreementTests.AssertAgreesAsync(store.Reader, left, random);
        await AssertNothingNamesAsync(store, user);
        Assert.Empty(await store.WrongDaysAsync());
        await store.AddUpAsync(DateTime.UtcNow);
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, left, random);
        await AssertNothingNamesAsync(store, user);

        // A replay of the whole log brings nothing back: what was stored is a duplicate, and so is what was erased.
        var events = await store.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events");
        await store.WriteAsync([.. trace.Reverse()], _ => random.Next(Partitions), () => random.Next(1, 60));
        Assert.Equal(events, await store.Database.ValueAsync<long>("SELECT count(*) FROM rev_1.events"));
        await AgreementTests.AssertAgreesAsync(store.Reader, left, random);
        await AssertNothingNamesAsync(store, user);
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.conservation WHERE difference <> 0"));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task An_erased_range_is_gone_and_the_rest_of_the_user_stays(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        var oracle = MetricsOracle.Of(trace);
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync(trace, _ => random.Next(Partitions), () => random.Next(1, 60));
        await store.AddUpAsync(DateTime.UtcNow);
        var user = oracle.Users.MaxBy(u => oracle.User(u).Events)!;
        var middle = oracle.ProjectsOf(user)[0].LastActivity;
        var quarter = middle.UtcDateTime.AddTicks(-(middle.UtcTicks % TimeSpan.FromMinutes(15).Ticks));
        var (from, to) = (quarter.AddMinutes(-15 * random.Next(0, 12)), quarter.AddMinutes(15 * random.Next(1, 8)));
        await store.EraseAsync(user, from, to);
        var window = new Window(from, to);
        var gone = oracle.User(user, new Question { Window = window }).Events;
        var left = MetricsOracle.Of(trace.Where(e => UserOf(e) != user || !Occurred(e, window)));
        Assert.True(gone > 0);
        Assert.Equal(oracle.User(user).Events - gone, left.User(user).Events);
        await AgreementTests.AssertAgreesAsync(store.Reader, left, random);
        Assert.Empty(await store.WrongDaysAsync());
        await store.AddUpAsync(DateTime.UtcNow);
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, left, random);
    }

    /// <summary>Retention drops weeks; here any row may be gone, which is harder.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Of_a_user_whose_rows_are_gone_nothing_stays_and_everybody_else_keeps_what_was_counted(int seed)
    {
        var random = new Random(seed);
        var trace = Oracle.Traces.Of(seed);
        foreach (var (gone, figures) in ((string, string)[])[("true", $"{Counts}, {Credits}"), ("abs(hashtext(event_id::text)) % 2 = 0", Counts)])
        {
            await using var store = await MetricsStore.CreateAsync();
            await store.WriteAsync(trace, _ => random.Next(Partitions), () => random.Next(1, 60));
            var user = Pick(MetricsOracle.Of(trace).Users, random);
            Task<List<string>> OthersAsync() => store.Database.RowsAsync($"""
                SELECT concat_ws(' ', tenant, user_id, project_id, bucket, event_type, {figures}) FROM pipeline.activity WHERE NOT (tenant = 'default' AND user_id = $1)
                GROUP BY tenant, user_id, project_id, bucket, event_type HAVING sum(events) > 0 ORDER BY 1
                """, r => r.GetString(0), user);
            await store.AddUpAsync(DateTime.UtcNow);
            await store.Database.RowsAsync($"DELETE FROM rev_1.events WHERE {gone}", _ => 0);
            var others = await OthersAsync();
            await store.EraseAsync(user);
            Assert.Equal(others, await OthersAsync());
            Assert.Empty(await store.WrongDaysAsync());
            await AssertNothingNamesAsync(store, user);
            Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.conservation WHERE difference <> 0"));
        }
    }

    const string Counts = "sum(events), sum(succeeded), sum(durations), sum(duration_us), coalesce(sum(saves), 0), coalesce(sum(undos), 0), coalesce(sum(timed_completions), 0), bit_or(slots)";

    /// <summary>Of objects and tasks: where rows of others are there, what they did next may count instead of what was erased.</summary>
    const string Credits = "coalesce(sum(completed), 0), coalesce(sum(net), 0), coalesce(sum(sourced), 0), coalesce(sum(from_model), 0), coalesce(sum(from_model_changed), 0), coalesce(sum(objects_saved), 0), coalesce(sum(objects_reworked), 0), coalesce(sum(tasks_submitted), 0), coalesce(sum(tasks_first_pass), 0), coalesce(sum(items), 0)";

    static bool Occurred(TraceEvent e, Window window) => MetricsOracle.Of([e], e.Tenant).Ask(new Question { Window = window }).Events == 1;

    internal static string UserOf(TraceEvent e)
    {
        using var json = System.Text.Json.JsonDocument.Parse(e.Bytes);
        // Another tenant's user of the same name is somebody else.
        return e.Tenant == "default" ? json.RootElement.GetProperty("user_id").GetString()! : "";
    }

    /// <summary>Every column of texts and bytes of every table is looked through.</summary>
    static async Task AssertNothingNamesAsync(MetricsStore store, string user)
    {
        var columns = await store.Database.RowsAsync("""
            SELECT c.table_schema || '.' || c.table_name, c.column_name, c.data_type, EXISTS (SELECT FROM information_schema.columns t
                WHERE (t.table_schema, t.table_name, t.column_name) = (c.table_schema, c.table_name, 'tenant'))
            FROM information_schema.columns c JOIN information_schema.tables b USING (table_schema, table_name)
            WHERE b.table_type = 'BASE TABLE' AND (c.table_schema = 'control' OR c.table_schema LIKE 'rev\_%') AND c.data_type IN ('text', 'bytea', 'jsonb')
            """, r => (Table: r.GetString(0), Column: r.GetString(1), Type: r.GetString(2), HasTenant: r.GetBoolean(3)));
        Assert.NotEmpty(columns);
        foreach (var (table, column, type, hasTenant) in columns.Where(c => c.Table != "control.erasures"))
        {
            var contains = type == "bytea" ? $"position(convert_to('\"' || $1 || '\"', 'UTF8') IN {column}) > 0" : $"{column}::text = $1";
            var rows = (await store.Database.RowsAsync($"SELECT count(*) FROM {table} WHERE {contains}{(hasTenant ? " AND tenant = 'default'" : "")}", r => r.GetInt64(0), user)).Single();
            Assert.True(rows == 0, $"{table}.{column} names the erased user in {rows} rows");
        }
    }

    static T Pick<T>(IReadOnlyList<T> from, Random random) => from[random.Next(from.Count)];
}
