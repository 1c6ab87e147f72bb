using Npgsql;
using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Tests.Postgres;

/// <summary>A migrated database of one test, and owners of its logs.</summary>
sealed class Store : IAsyncDisposable
{
    static int _made;

    readonly List<EventWriter> _writers = [];

    Store(TestDatabase database)
    {
        Database = database;
        var settings = new PostgresOptions { ConnectionString = database.Uri }.Build("pipeline-under-test");
        settings.MaxPoolSize = 12;
        Pool = NpgsqlDataSource.Create(settings);
        settings.Pooling = false;
        Sessions = NpgsqlDataSource.Create(settings);
    }

    public TestDatabase Database { get; }

    public NpgsqlDataSource Pool { get; }

    /// <summary>As the road has them: an owner is one session.</summary>
    public NpgsqlDataSource Sessions { get; }

    public static async Task<Store> EmptyAsync() =>
        new(await TestDatabase.CreateAsync($"sinks_{Environment.ProcessId}_{Interlocked.Increment(ref _made)}"));

    public static async Task<Store> MigratedAsync()
    {
        var store = await EmptyAsync();
        await new Migrations(store.Pool).ApplyAsync(TestContext.Current.CancellationToken);
        return store;
    }

    public static LogPlace Log(int partition = 0, string topicId = "topic-id") => new("events-postgres", "efficiency.events", topicId, partition);

    public EventWriter Writer(string owner = "one", Action<ArmedPoint>? armed = null, bool acceptNewLogs = false)
    {
        var writer = new EventWriter(new PostgresEventStore(Sessions, new LogOwnership(new OwnershipRules(owner, acceptNewLogs, "topic-tenant")), armed));
        _writers.Add(writer);
        return writer;
    }

    public async Task<EventWriter> OwnerAsync(int partition = 0, string owner = "one", long start = 0, long end = 1_000_000, Action<ArmedPoint>? armed = null)
    {
        var writer = Writer(owner, armed);
        await writer.AcquireAsync(Log(partition), new LogExtent(start, end), TestContext.Current.CancellationToken);
        return writer;
    }

    public Task<long> CountAsync(string from) => Database.ValueAsync<long>($"SELECT count(*) FROM {from}");

    public Task ExecuteAsync(string sql, params object[] values) => Database.RowsAsync(sql, _ => 0, values);

    /// <summary>The promise, and what hangs together with it.</summary>
    public async Task AssertConservedAsync()
    {
        Assert.Equal(0, await CountAsync("pipeline.conservation WHERE difference <> 0"));
        var outcomes = await Database.OutcomesAsync();
        Assert.Equal(outcomes.Stored, await CountAsync("pipeline.events"));
        Assert.Equal(outcomes.Stored, await CountAsync("pipeline.event_ledger"));
        Assert.Equal(outcomes.DeadLettered, await CountAsync("pipeline.dead_letters"));
        Assert.Equal(outcomes.Stored, await Database.ValueAsync<long>("SELECT coalesce(sum(events), 0)::bigint FROM pipeline.activity"));
        Assert.Equal(0, await CountAsync("pipeline.events e WHERE NOT EXISTS (SELECT FROM pipeline.event_ledger l WHERE (l.tenant, l.event_id) = (e.tenant, e.event_id))"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var writer in _writers)
            await writer.DisposeAsync();
        await Sessions.DisposeAsync();
        await Pool.DisposeAsync();
        await Database.DisposeAsync();
    }
}
