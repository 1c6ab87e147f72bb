using System.Net.Http.Json;
using System.Text.Json;
using Pipeline.Oracle;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>The processor dies inside an erasure and is started again, while the user goes on working and a client sends again what is being erased.</summary>
public sealed class KilledErasureTests
{
    const string User = "to be \"forgotten\"", Other = "other";
    const int EventsEach = 20;

    static readonly TimeSpan Within = TimeSpan.FromSeconds(120), Pause = TimeSpan.FromMilliseconds(200);
    static readonly (string, string) ShortWrites = ("Pipeline__Influx__Timeout", "00:00:02");

    public static TheoryData<string> Points => ["TakenUp", "InsidePostgres", "AfterPostgresCommit", "BeforePostgresScan", "BeforeInfluxDelete", "AfterInfluxDelete", "BeforeInfluxScan", "BeforeReceipt"];

    [Theory]
    [MemberData(nameof(Points))]
    public Task Killed_inside_an_erasure_its_successor_ends_it_and_nothing_comes_back(string point) => EraseAsync([point]);

    [Fact]
    public Task Killed_at_every_point_of_one_erasure_in_turn_the_last_one_ends_it() => EraseAsync([.. Points.Select(p => p.Data)]);

    static async Task EraseAsync(string[] points)
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(3, withInflux: true);
        var processors = await pipeline.StartProcessorsAsync(ShortWrites, ("PIPELINE_ARMED", $"{points[0]}:KILL:1"));
        var ingest = await pipeline.StartIngestAsync(("Pipeline__Ingest__Operations", "true"));
        var clients = new Clients(ingest);
        for (var batch = 0; batch < 10; batch++)
            await clients.SendNewAsync("before");
        await pipeline.StoredToTheEndAsync();
        await Until.TrueAsync("InfluxDB has the points", Within, pipeline.Influx!.PointsAsync, n => n == 10 * 2 * EventsEach);
        var erasure = await clients.EraseAsync();
        using var over = new CancellationTokenSource();
        var working = clients.WorkAsync(over.Token);
        foreach (var next in points.Skip(1).Append(null))
        {
            Assert.Equal(128 + HostProcess.SigKill, await processors.ExitAsync(Within));
            Seeds.Say($"dead; the next is armed at {next ?? "no point"}");
            await clients.ResendErasedAsync();
            processors = await pipeline.StartProcessorsAsync([ShortWrites, .. next is null ? [] : new[] { ("PIPELINE_ARMED", $"{next}:KILL:1") }]);
        }
        await Until.TrueAsync("every store is done", Within, async () => (await clients.AskAsync($"erasures/{erasure}")).GetRawText(), receipt => receipt.Contains("\"status\":\"done\"", StringComparison.Ordinal)
            && !receipt.Contains("\"pending\"", StringComparison.Ordinal));
        await over.CancelAsync();
        await working;
        await clients.ResendErasedAsync();
        await clients.SendNewAsync("afterwards");
        await pipeline.StoredToTheEndAsync();
        await AssertAsync(pipeline, clients, erasure);
    }

    static async Task AssertAsync(PipelineUnderTest pipeline, Clients clients, Guid erasure)
    {
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>($"SELECT count(*) FROM rev_1.events e, control.erasures r WHERE e.user_id = '{User}' AND e.received_at <= r.requested_at"));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>($"SELECT count(*) FROM control.erasures WHERE erasure_id = '{erasure}' AND user_id IS NOT NULL"));
        var oracle = MetricsOracle.Of(clients.ThatStay);
        foreach (var user in (string[])[User, Other])
            Assert.Empty(oracle.User(user).DifferencesTo(await clients.AskAsync($"events/stats/{Uri.EscapeDataString(user)}")));
        // Objects of the project before were begun by one and changed by the other.
        foreach (var project in oracle.Projects)
            Assert.Empty(oracle.Project(project).DifferencesTo(await clients.AskAsync($"stats/projects/{project}")));
        // Of the time of the erasure InfluxDB may lack the user's new points; of the erased ones it has none, and of everybody else's all.
        await Until.TrueAsync("InfluxDB has all of the other's points", Within, async () => (await pipeline.Influx!.CountsAsync("user_id")).GetValueOrDefault(Other), n => n == (10 + clients.Meanwhile + 1) * EventsEach);
        await Until.TrueAsync("InfluxDB has of before the other's points alone, and of afterwards everybody's", Within, () => pipeline.Influx!.CountsAsync("project_id"),
            counts => counts.GetValueOrDefault("before") == 10 * EventsEach && counts.GetValueOrDefault("afterwards") == 2 * EventsEach);
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    /// <summary>Batches of both users, the same whenever they are sent again.</summary>
    sealed class Clients(HostProcess ingest)
    {
        readonly List<(string Project, JsonElement[] Events)> _batches = [];
        readonly Random _random = Seeds.Next();
        int _erased;

        /// <summary>Batches sent while the erasure was under way.</summary>
        public int Meanwhile => _batches.Count(b => b.Project == "meanwhile");

        /// <summary>What the figures are to be made of.</summary>
        public IEnumerable<TraceEvent> ThatStay => _batches.SelectMany((b, i) => b.Events.Where(e => i >= _erased || e.GetProperty("user_id").GetString() != User))
            .Select(e => new TraceEvent(e.GetRawText(), new DateTimeOffset(2024, 6, 1, 0, 0, 0, TimeSpan.Zero)) { DerivedId = Guid.CreateVersion7() });

        public async Task<Guid> EraseAsync()
        {
            using var answer = await PipelineUnderTest.Http.DeleteAsync(new Uri(ingest.Url, $"api/v1/events/events/{Uri.EscapeDataString(User)}"));
            Assert.Equal(202, (int)answer.StatusCode);
            _erased = _batches.Count;
            return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("erasure_id").GetGuid();
        }

        public async Task WorkAsync(CancellationToken over)
        {
            using var timer = new PeriodicTimer(Pause);
            while (!over.IsCancellationRequested)
            {
                await timer.WaitForNextTickAsync(CancellationToken.None);
                await SendNewAsync("meanwhile");
                await SendAsync(_random.Next(_erased));
            }
        }

        public async Task ResendErasedAsync()
        {
            for (var batch = 0; batch < _erased; batch++)
                await SendAsync(batch);
        }

        public Task SendNewAsync(string project)
        {
            var number = _batches.Count;
            var events = from i in Enumerable.Range(0, EventsEach)
                         from user in (string[])[User, Other]
                         select JsonSerializer.SerializeToElement(new
                         {
                             // Half of the ids are the sender's, half are derived from batch and place. The oracle is given others for these: they would decide between events of one user and one time alone, and there are none.
                             event_id = i % 2 == 0 ? Guid.CreateVersion7() : (Guid?)null,
                             event_type = "annotation",
                             timestamp = new DateTime(2024, 5, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(number).AddMilliseconds((i * 2500) + (user == Other ? 100 : 0)),
                             user_id = user,
                             project_id = project,
                             tool = "t",
                             data = new { type = _random.Next(4) switch { 0 => "update", 1 => "save", 2 => "complete", _ => "create" }, annotationType = "box", duration = _random.Next(60_000), success = _random.Next(10) > 0, objectId = $"{number}-{i / 3}" },
                         });
            _batches.Add((project, [.. events]));
            return SendAsync(number);
        }

        async Task SendAsync(int batch)
        {
            using var answer = await PipelineUnderTest.Http.PostAsJsonAsync(new Uri(ingest.Url, "api/v1/events/batch"), new { batch_id = $"b{batch}", events = _batches[batch].Events });
            Assert.Equal("success", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString());
        }

        public Task<JsonElement> AskAsync(string path) => PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(ingest.Url, $"api/v1/{path}"));
    }
}
