using System.Text.Json;
using Pipeline.Contracts;
using Pipeline.Oracle;
using Pipeline.Sinks.Metrics;
using Pipeline.Sinks.Postgres;
using Pipeline.Sinks.Postgres.Days;

namespace Pipeline.Processors.Tests.Metrics;

/// <summary>Figures are those of the definitions, whatever was added up when, and days that were added up are what their rows say in every snapshot.</summary>
public sealed class ClosedDaysTests
{
    const int Partitions = 3;

    static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(AgreementTests.Seed, 3)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task What_comes_after_its_day_was_added_up_counts_at_once_and_is_added_up_again(int seed)
    {
        var random = new Random(seed);
        var sent = Traces.Of(seed).ToArray();
        random.Shuffle(sent);
        await using var store = await MetricsStore.CreateAsync();
        var days = DaysOf(sent);
        var written = 0;
        foreach (var part in sent.Chunk((sent.Length / 3) + 1))
        {
            await store.WriteAsync(part, _ => random.Next(Partitions), () => random.Next(1, 60));
            written += part.Length;
            var oracle = MetricsOracle.Of(sent.Take(written));
            Assert.Empty(await store.WrongDaysAsync());
            await AgreementTests.AssertAgreesAsync(store.Reader, oracle, random);
            await store.AddUpAsync(days[random.Next(days.Count)].AddHours(random.Next(48)));
            Assert.Empty(await store.WrongDaysAsync());
            await AgreementTests.AssertAgreesAsync(store.Reader, oracle, random);
        }
        await store.AddUpAsync(DateTime.UtcNow);
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.changed_days"));
        Assert.Equal(await store.Database.ValueAsync<long>("SELECT count(*) FROM (SELECT FROM pipeline.activity GROUP BY tenant, user_id, project_id, date_trunc('day', bucket, 'UTC')) AS days"),
            await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.activity_days"));
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, MetricsOracle.Of(sent), random);
    }

    /// <summary>Days of 23, 24.5 and 25 hours, and some that begin at 18:15 UTC: those that are not UTC's are made of quarters of an hour.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Series_by_the_clocks_of_any_zone_are_those_of_the_definitions(int seed)
    {
        var random = new Random(seed);
        var trace = Traces.Of(seed);
        var oracle = MetricsOracle.Of(trace);
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync(trace, _ => random.Next(Partitions), () => random.Next(1, 60));
        await store.AddUpAsync(DateTime.UtcNow);
        var days = DaysOf(trace);
        foreach (var zone in Traces.Zones.Select(TimeZoneInfo.FindSystemTimeZoneById))
            foreach (var size in Enum.GetValues<BucketSize>())
                foreach (var window in (Window[])[new(days[0].AddDays(-1), days[^1].AddDays(2)), new(days[0].AddHours(7), days[^1].AddMinutes(1005))])
                {
                    foreach (var project in oracle.Projects)
                        await CompareSeriesAsync(store.Reader, oracle, new Question { Projects = [project], Window = window }, size, zone);
                    await CompareSeriesAsync(store.Reader, oracle, new Question { User = oracle.Users[random.Next(oracle.Users.Count)], Window = window }, size, zone);
                }
    }

    /// <summary>Three logs write, days are added up to ever later times and end in the middle now and then, and a user is erased.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task No_snapshot_shows_a_day_that_is_not_what_its_rows_say(int seed)
    {
        var random = new Random(seed);
        var trace = Traces.Of(seed, 900);
        var users = MetricsOracle.Of(trace).Users;
        var erased = users[random.Next(users.Count)];
        await using var store = await MetricsStore.CreateAsync();
        var days = DaysOf(trace);
        var parts = trace.GroupBy(_ => random.Next(Partitions)).Select(p => (p.Key, Events: p.ToList(), Random: new Random(random.Next()))).ToList();
        var writers = await Task.WhenAll(parts.Select(p => store.OwnerAsync(p.Key)));
        var writing = Task.WhenAll(parts.Select((p, i) => MetricsStore.WriteAsync(writers[i], p.Key, p.Events, () => p.Random.Next(1, 25))));
        var (passes, ended) = (0, 0);
        async Task AddUpAsync()
        {
            for (var of = new Random(seed); !writing.IsCompleted || passes < 20; passes++)
            {
                // Every other one ends in its first transaction, the rest further on or not at all.
                var left = passes % 2 == 0 ? 1 : of.Next(1, 40);
                try
                {
                    await store.AddUpAsync(days[Math.Min(passes / 2, days.Count - 1)].AddHours(30), _ => End(--left));
                }
                catch (EndedException)
                {
                    ended++;
                }
            }
        }
        var adding = AddUpAsync();
        await store.EraseAsync(erased);
        while (!writing.IsCompleted || !adding.IsCompleted)
            Assert.Empty(await store.WrongDaysAsync());
        await writing;
        await adding;
        Assert.True(ended > 0);
        var oracle = MetricsOracle.Of(trace.Where(e => ErasureTests.UserOf(e) != erased));
        await AgreementTests.AssertAgreesAsync(store.Reader, oracle, random);
        await store.AddUpAsync(DateTime.UtcNow);
        Assert.True(await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.activity_days") > 0);
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, oracle, random);
    }

    [Theory]
    [InlineData(DaysPoint.InsideMove, 1)]
    [InlineData(DaysPoint.InsideDays, 1)]
    [InlineData(DaysPoint.InsideDays, 2)]
    [InlineData(DaysPoint.InsideDays, 3)]
    [InlineData(DaysPoint.InsideChanged, 1)]
    public async Task A_pass_that_ends_anywhere_changes_no_figure_and_the_next_one_goes_on(DaysPoint point, int time)
    {
        var random = new Random(AgreementTests.Seed);
        var trace = Traces.Of(AgreementTests.Seed);
        var half = trace.Count / 2;
        await using var store = await MetricsStore.CreateAsync();
        await store.WriteAsync([.. trace.Take(half)], _ => random.Next(Partitions), () => random.Next(1, 60));
        if (point == DaysPoint.InsideChanged)
            await store.AddUpAsync(DateTime.UtcNow);
        else
            await EndAsync(store, point, time);
        // Late, for days of which some are there.
        await store.WriteAsync([.. trace.Skip(half)], _ => random.Next(Partitions), () => random.Next(1, 60));
        if (point == DaysPoint.InsideChanged)
            await EndAsync(store, point, time);
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, MetricsOracle.Of(trace), random);
        await store.AddUpAsync(DateTime.UtcNow);
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.changed_days"));
        Assert.Empty(await store.WrongDaysAsync());
        await AgreementTests.AssertAgreesAsync(store.Reader, MetricsOracle.Of(trace), random);
    }

    [Fact]
    public async Task What_comes_on_its_day_is_not_noted()
    {
        var trace = Traces.Of(AgreementTests.Seed);
        await using var store = await MetricsStore.CreateAsync();
        await store.AddUpAsync(DaysOf(trace)[0]);
        await store.WriteAsync(trace, _ => 0, () => 60);
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.changed_days"));
        Assert.Equal(0, await store.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.activity_days"));
    }

    static async Task EndAsync(MetricsStore store, DaysPoint point, int time)
    {
        var left = time;
        await Assert.ThrowsAsync<EndedException>(() => store.AddUpAsync(DateTime.UtcNow, p => End(p == point ? --left : 1)));
    }

    static void End(int left)
    {
        if (left == 0)
            throw new EndedException();
    }

    sealed class EndedException : Exception;

    /// <summary>The UTC days in which something occurred, from first to last.</summary>
    static List<DateTime> DaysOf(IReadOnlyList<TraceEvent> trace)
    {
        var times = trace.Select(e => MetricsOracle.Of([e], e.Tenant)).SelectMany(o => o.Users.SelectMany(u => o.ProjectsOf(u))).Select(p => p.LastActivity.UtcDateTime.Date).ToList();
        return [.. Enumerable.Range(0, (times.Max() - times.Min()).Days + 1).Select(i => times.Min().AddDays(i))];
    }

    static async Task CompareSeriesAsync(MetricsReader reader, MetricsOracle oracle, Question question, BucketSize size, TimeZoneInfo zone)
    {
        var series = oracle.Series(question, size, zone);
        var query = new MetricsQuery(Topics.DefaultTenant, question.User, question.Projects?.Single())
        {
            Edges = [.. series.Select(b => b.Window.From!.Value.UtcDateTime), series[^1].Window.To!.Value.UtcDateTime],
        };
        var answer = await reader.ReadAsync(query, TestContext.Current.CancellationToken);
        foreach (var (i, bucket) in series.Index())
        {
            var differences = bucket.Figures.DifferencesTo(JsonSerializer.SerializeToElement(answer.Figures(i), Json)).ToList();
            Assert.True(differences.Count == 0, $"{question} {bucket.Window} in {zone.Id}\n{string.Join('\n', differences)}");
        }
    }
}
