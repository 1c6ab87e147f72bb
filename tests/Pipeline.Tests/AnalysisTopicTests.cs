using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Requests by the topic: each ends in exactly one final state, whoever dies on the way.</summary>
public sealed class AnalysisTopicTests
{
    static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static (string, string)[] Settings(RabbitQueues queues, params (string, string)[] more) =>
        [.. queues.Settings, ("Pipeline__Processors__Roles", "analysis,results-postgres,failures"), ("Pipeline__Analysis__Python", "off"), ("Pipeline__Analysis__Lease", "00:00:03"), .. more];

    static TopicRecord Record(string id, string request) => new(Encoding.UTF8.GetBytes(id), Encoding.UTF8.GetBytes(request));

    static string Sum(string id, int value) => $$$"""{"request_id":"{{{id}}}","algorithm":"sum","input":{"values":[{{{value}}},1]}}""";

    static Task EndedAsync(PipelineUnderTest pipeline, int count, TimeSpan? within = null) => Until.TrueAsync($"{count} tasks have ended", within ?? Within,
        async () => await pipeline.Database.HasSchemaAsync() ? await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state >= 7") : 0, n => n == count);

    static Task<List<string>> RowsAsync(PipelineUnderTest pipeline) => pipeline.Database.RowsAsync("""
        SELECT concat_ws('|', request_id, state, attempts, error_code, result ->> 'value') FROM control.tasks ORDER BY request_id
        """, r => r.GetString(0));

    [Fact]
    public async Task Every_request_of_the_topic_is_answered_once_and_what_cannot_be_executed_is_a_dead_letter_too()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        await pipeline.Requests.PublishAsync(
        [
            Record("a", Sum("a", 1)), Record("b", """{"algorithm":"sum","input":{"values":[2]}}"""), Record("a", Sum("a", 1)), Record("a", Sum("a", 7)),
            Record("c", """{"request_id":"c","algorithm":"summ","input":{"values":[2]}}"""), Record("d", "not json"), Record("e", """{"request_id":"e","algorithm":"mean","input":{"values":[]}}"""),
            new TopicRecord(null, "nothing"u8.ToArray(), 0), new TopicRecord("f"u8.ToArray(), null, 0),
        ]);
        await pipeline.StartProcessorsAsync(Settings(queues));
        await EndedAsync(pipeline, 7);
        var rows = await RowsAsync(pipeline);
        Assert.Equal(["a|7|1|2", "b|7|1|2", "c|8|1|unknown_algorithm", "d|8|0|malformed_request", "e|8|1|too_few_values", "f|8|0|malformed_request"], rows.Where(r => r.Length < 40));
        Assert.EndsWith("|8|0|malformed_request", Assert.Single(rows, r => r.Length >= 40), StringComparison.Ordinal);
        // Each has its bytes and its cause among the dead letters; the second request of one id is there alone.
        await Until.TrueAsync("the letters are stored", Within, () => pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters WHERE consumer = 'analysis'"), n => n == 6);
        Assert.Equal(
            [$"conflicting_duplicate|conflicting_duplicate|receiving|a|{Sum("a", 7)}", "engine:malformed_request|analysis_refused|receiving|d|not json", "engine:malformed_request|analysis_refused|receiving|f", "engine:malformed_request|analysis_refused|receiving|nothing",
             "engine:too_few_values|analysis_refused|processing|e|{\"request_id\":\"e\",\"algorithm\":\"mean\",\"input\":{\"values\":[]}}",
             "engine:unknown_algorithm|analysis_refused|processing|c|{\"request_id\":\"c\",\"algorithm\":\"summ\",\"input\":{\"values\":[2]}}"],
            await pipeline.Database.RowsAsync("SELECT concat_ws('|', fingerprint, reason, stage, encode(key, 'escape'), encode(value, 'escape')) FROM pipeline.dead_letters WHERE consumer = 'analysis' ORDER BY fingerprint, encode(key, 'escape')", r => r.GetString(0)));
        await queues.EmptyAsync(Within);
    }

    [Fact]
    public async Task An_older_client_computes_and_reads_its_task()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        var (_, api) = await StartAsync(pipeline, Settings(queues), ("Pipeline__Ingest__Operations", "true"));
        var (status, accepted) = await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"),
            """{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2],[3,4]],"matrix_b":[[5,6],[7,8]]},"timeout_seconds":30}""");
        Assert.Equal(HttpStatusCode.Accepted, status);
        var id = accepted.GetProperty("task_id").GetString()!;
        Assert.NotEqual(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Get, new Uri(api, $"api/v1/task/{id}"))).Status);
        var (_, task) = await SendAsync(HttpMethod.Get, new Uri(api, $"api/v1/task/{id}?wait=30"));
        Assert.Equal(("completed", "[[19,22],[43,50]]"), (task.GetProperty("status").GetString(), task.GetProperty("result").GetProperty("matrix").GetRawText()));
        Assert.Equal(["submitted", "queued", "running", "completed"], task.GetProperty("transitions").EnumerateArray().Select(t => t.GetProperty("status").GetString()));
        Assert.Equal([1, 2, 3, 4], task.GetProperty("transitions").EnumerateArray().Select(t => t.GetProperty("sequence").GetInt32()));

        // The same id with the same request is the same task, with another one a conflict.
        foreach (var expected in (HttpStatusCode[])[HttpStatusCode.Accepted, HttpStatusCode.Accepted])
            Assert.Equal(expected, (await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum("mine", 1))).Status);
        Assert.Equal((HttpStatusCode.Conflict, "request_conflict"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum("mine", 2))));
        Assert.Equal("completed", (await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/task/mine?wait=30"))).Body.GetProperty("status").GetString());
        Assert.Equal((HttpStatusCode.Conflict, "task_ended"), Code(await SendAsync(HttpMethod.Delete, new Uri(api, "api/v1/task/mine"))));
        Assert.Equal((HttpStatusCode.NotFound, "no_such_task"), Code(await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/task/other"))));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_parameter"), Code(await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/task/mine?wait=-1"))));
        Assert.Equal((HttpStatusCode.BadRequest, "malformed_request"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), "{")));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_request"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), """{"algorithm":"sum","timeout_seconds":-1}""")));
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "too_large"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), new string(' ', 1_000_000))));

        // What docs/algorithms.md tells to type.
        var typed = File.ReadLines(Path.Combine(TestServers.Repository, "docs", "algorithms.md")).Where(l => l.StartsWith("curl ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, typed.Count);
        foreach (var (line, text) in typed.Zip((string[])["\"task_id\":\"try-1\"", "\"result\":{\"value\":2,\"n\":3}"]))
            Assert.Contains(text, (await Bash.RunAsync($"INGEST_URL={api.ToString().TrimEnd('/')}; {line}", TimeSpan.FromSeconds(30))).Output, StringComparison.Ordinal);

        // The monitor's lists.
        var (_, list) = await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/ops/tasks?limit=1"));
        Assert.Equal("try-1", list.GetProperty("tasks")[0].GetProperty("task_id").GetString());
        var (_, rest) = await SendAsync(HttpMethod.Get, new Uri(api, $"api/v1/ops/tasks?state=completed&cursor={list.GetProperty("next_cursor").GetString()}"));
        Assert.Equal(["mine", id], rest.GetProperty("tasks").EnumerateArray().Select(t => t.GetProperty("task_id").GetString()));
        var figures = (await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/ops/tasks/algorithms"))).Body.GetProperty("algorithms").EnumerateArray().ToList();
        Assert.Equal([("matrix_multiply", 1, 0.0), ("median", 1, 0.0), ("sum", 1, 0.0)], figures.Select(f => (f.GetProperty("algorithm").GetString(), f.GetProperty("completed").GetInt32(), f.GetProperty("failure_share").GetDouble())));
        foreach (var wrong in (string[])["state=done", "priority=urgent", "limit=0", "older_than_s=x", "cursor=x", "colour=red"])
            Assert.Equal((HttpStatusCode.BadRequest, "invalid_parameter"), Code(await SendAsync(HttpMethod.Get, new Uri(api, $"api/v1/ops/tasks?{wrong}"))));
    }

    [Fact]
    public async Task Long_requests_wait_in_queues_of_their_priority()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        var (_, api) = await StartAsync(pipeline, Settings(queues, ("Pipeline__Analysis__LongFrom", "00:00:00"), ("Pipeline__Analysis__JobsMax", "1")));
        string[] priorities = ["low", "normal", "high"];
        foreach (var (i, priority) in Enumerable.Range(0, 30).Select(i => (i, priorities[i % 3])))
            Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), $$$"""{"request_id":"{{{i}}}","priority":"{{{priority}}}","algorithm":"sum","input":{"values":[{{{i}}}]}}""")).Status);
        await EndedAsync(pipeline, 30);
        Assert.Equal(30, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state = 7 AND states = '{1,2,3,4,7}' AND (result ->> 'value')::int = request_id::int"));
        await queues.EmptyAsync(Within);
    }

    [Fact]
    public async Task Killed_at_any_moment_processors_leave_every_accepted_request_with_one_final_state()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(4);
        const int count = 4000;
        (string, string)[] settings = Settings(queues, ("Pipeline__Analysis__LongFrom", "00:00:00.0000102"));
        var hosts = new[] { pipeline.LaunchProcessors(settings), pipeline.LaunchProcessors(settings) };
        // Of every ten one is long by this measure, a median of a hundred values, and one fails for good.
        var loading = pipeline.Requests.PublishOverAsync([.. Enumerable.Range(0, count).Select(i => i % 10 == 3 ? Record($"{i:D5}", $$$"""{"algorithm":"median","input":{"values":[{{{string.Join(',', Enumerable.Range(i, 101))}}}]}}""")
            : i % 10 == 7 ? Record($"{i:D5}", """{"algorithm":"nothing"}""") : Record($"{i:D5}", Sum($"{i:D5}", i)))], TimeSpan.FromSeconds(20));
        var random = Seeds.Next();
        var kills = 0;
        while (!loading.IsCompleted)
        {
            await Task.Delay(random.Next(500, 2500), Stop);
            var which = random.Next(hosts.Length);
            hosts[which].Signal(HostProcess.SigKill);
            await hosts[which].ExitAsync(TimeSpan.FromSeconds(10));
            hosts[which] = pipeline.LaunchProcessors(settings);
            kills++;
        }
        await loading;
        await EndedAsync(pipeline, count, TimeSpan.FromSeconds(180));
        Seeds.Say($"{kills} kills");
        Assert.Equal(["3|7|400", "7|8|400"], (await pipeline.Database.RowsAsync("SELECT concat_ws('|', request_id::int % 10, state, count(*)) FROM control.tasks WHERE request_id::int % 10 IN (3, 7) GROUP BY request_id::int % 10, state ORDER BY 1", r => r.GetString(0))));
        Assert.Equal(3200, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state = 7 AND (result ->> 'value')::int = request_id::int + 1 AND request_id::int % 10 NOT IN (3, 7)"));
        // Exactly one final state each, and nothing after it.
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE states[cardinality(states)] <> state OR (SELECT count(*) FROM unnest(states) s WHERE s >= 7) <> 1"));
        await queues.EmptyAsync(TimeSpan.FromSeconds(120));
        Assert.Equal(400, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters WHERE consumer = 'analysis'"));
    }

    [Fact]
    public async Task Strange_records_end_no_role_and_hold_nobody()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(1);
        var (_, api) = await StartAsync(pipeline, Settings(queues, ("Pipeline__Analysis__LongFrom", "00:00:01")));
        // Results that nobody of ours wrote: no JSON, a tenant and an id that no table holds, a task that is none.
        await pipeline.Results.PublishAsync(
        [
            Record("x", "no result"), new TopicRecord(null, null),
            new TopicRecord("t"u8.ToArray(), """{"request_id":"t","status":"completed","result":{}}"""u8.ToArray(), Headers: new Confluent.Kafka.Headers { { "tenant", [0, 0xFF] } }),
            Record("z", """{"request_id":"z\u0000","status":"completed","result":{},"metadata":{"engine":"\u0000"}}"""), Record("none", """{"request_id":"none","status":"completed","result":{}}"""),
        ]);
        // Another producer's request has the id of Ingest's, and comes before and behind it; an id of astral characters; a time outside the calendar.
        var emoji = string.Concat(Enumerable.Repeat("😀", 100));
        await pipeline.Database.RowsAsync("INSERT INTO control.tasks (tenant, request_id, digest, algorithm, priority, state, states, entered, submitted_at) VALUES ('default', 'mine', sha256($1), 'sum', 2, 1, '{1}', ARRAY[now()], now()) RETURNING 1",
            r => r.GetInt32(0), Encoding.UTF8.GetBytes(Sum("mine", 1)));
        await pipeline.Requests.PublishAsync(
        [
            Record("mine", Sum("mine", 7)), Record("mine", Sum("mine", 1)), Record("mine", Sum("mine", 8)), Record("mine", Sum("mine", 7)), Record(emoji, Sum(emoji, 1)),
            Record("early", """{"request_id":"early","algorithm":"sum","input":{"events":{"metric":"items","project_id":"p","from":"0001-01-01T00:00:00+01:00"}}}"""), Record("last", Sum("last", 1)),
        ]);
        await EndedAsync(pipeline, 4);
        Assert.Equal(["early|8|0|invalid_request", "last|7|1|2", "mine|7|1|2", $"{emoji}|7|1|2"], await RowsAsync(pipeline));
        await Until.TrueAsync("the letters are stored", Within, () => pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"), n => n == 6);
        Assert.Equal(["analysis|analysis_refused|1", "analysis|conflicting_duplicate|3", "results-postgres|malformed_json|2"],
            await pipeline.Database.RowsAsync("SELECT concat_ws('|', consumer, reason, count(*)) FROM pipeline.dead_letters GROUP BY consumer, reason ORDER BY 1", r => r.GetString(0)));
        // Ids that a path cannot say plainly.
        foreach (var id in (string[])["a/b", "50%20off", "a b", "ü?x=1"])
        {
            await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum(id, 1));
            Assert.Equal((id, "completed"), (await SendAsync(HttpMethod.Get, new Uri(api, $"api/v1/task/{Uri.EscapeDataString(id)}?wait=30"))).Body is var task
                ? (task.GetProperty("task_id").GetString(), task.GetProperty("status").GetString()) : default);
        }
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_request"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum("..", 1))));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_request"), Code(await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum("schedule/forecast", 1))));
        await queues.EmptyAsync(Within);
    }

    [Fact]
    public async Task RabbitMQ_ends_in_the_middle_and_every_request_ends_all_the_same()
    {
        await using var rabbit = await OwnRabbit.StartAsync();
        await using var queues = RabbitQueues.Create(rabbit, road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        const int count = 1000;
        var host = await pipeline.StartProcessorsAsync(Settings(queues, ("Pipeline__Analysis__LongFrom", "00:00:00.0000102")));
        var loading = pipeline.Requests.PublishOverAsync([.. Enumerable.Range(0, count).Select(i => i % 5 == 0 ? Record($"{i}", """{"algorithm":"nothing"}""")
            : i % 5 == 1 ? Record($"{i}", $$$"""{"algorithm":"median","input":{"values":[{{{string.Join(',', Enumerable.Range(i, 101))}}}]}}""") : Record($"{i}", Sum($"{i}", i)))], TimeSpan.FromSeconds(12));
        await Until.TrueAsync("some have ended", Within, async () => await pipeline.Database.HasSchemaAsync() ? await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state >= 7") : 0, n => n > 100);
        await rabbit.KillAsync();
        await Until.TrueAsync("the partitions wait", TimeSpan.FromSeconds(30), async () => (await host.PartitionsAsync("analysis")).Any(p => p.State == "waiting"));
        await rabbit.StartAgainAsync();
        await loading;
        await EndedAsync(pipeline, count, TimeSpan.FromSeconds(120));
        await queues.EmptyAsync(Within);
        Assert.Equal(["7|800", "8|200"], await pipeline.Database.RowsAsync("SELECT concat_ws('|', state, count(*)) FROM control.tasks GROUP BY state ORDER BY 1", r => r.GetString(0)));
        Assert.Equal(200, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters WHERE consumer = 'analysis'"));
    }

    [Fact]
    public async Task A_request_that_ends_every_process_is_abandoned_and_a_dead_letter_and_the_others_are_answered()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        await pipeline.Requests.PublishAsync(Enumerable.Range(0, 40).Select(i => Record($"{i:D2}", i == 20 ? """{"algorithm":"sum","input":{"values":[666]}}""" : Sum($"{i:D2}", i))));
        (string, string)[] settings = Settings(queues, ("PIPELINE_ARMED_RECORD", "KILL:666"), ("Pipeline__RabbitMq__DeliveryLimit", "2"));
        var host = pipeline.LaunchProcessors(settings);
        var lives = 0;
        await Until.TrueAsync("all have ended", TimeSpan.FromSeconds(150), async () =>
        {
            if (host.HasExited && ++lives > 0)
                host = pipeline.LaunchProcessors(settings);
            return await pipeline.Database.HasSchemaAsync() ? await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state >= 7") : 0;
        }, n => n == 40);
        Seeds.Say($"{lives} processes ended");
        Assert.InRange(lives, 2, 8);
        Assert.Equal(["20|8|killed_processor"], await pipeline.Database.RowsAsync("SELECT concat_ws('|', request_id, state, error_code) FROM control.tasks WHERE state <> 7", r => r.GetString(0)));
        Assert.Equal(["killed_processor"], await pipeline.Database.RowsAsync("SELECT reason FROM pipeline.dead_letters WHERE consumer = 'analysis'", r => r.GetString(0)));
        await queues.EmptyAsync(Within);
    }

    [Fact]
    public async Task A_worker_that_dies_each_time_costs_its_request_every_attempt_and_nobody_else_one()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(2);
        var (host, api) = await StartAsync(pipeline, WithPython(queues));
        await PythonAsync(host);
        // One that was taken for short and is not goes on among the long ones, and holds its partition no further.
        await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), """{"request_id":"slow","algorithm":"sleeps","parameters":{"s":4},"input":{"values":[1]},"timeout_seconds":60}""");
        foreach (var (id, algorithm) in ((string, string)[])[("dies", "exits"), ("lives", "echo"), ("useless", "returns_a_number")])
            Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), $$$"""{"request_id":"{{{id}}}","algorithm":"{{{algorithm}}}","input":{"values":[1,2]}}""")).Status);
        await EndedAsync(pipeline, 4);
        Assert.Equal(["dies|8|5|worker_crashed", "lives|7|1", "slow|7|2", "useless|8|1|algorithm_failed"], await RowsAsync(pipeline));
        Assert.Equal(["{1,2,4,2,3,4,7}"], await pipeline.Database.RowsAsync("SELECT states::text FROM control.tasks WHERE request_id = 'slow'", r => r.GetString(0)));
        Assert.Equal(["{1,2,4,5,6,3,4,5,6,3,4,5,6,3,4,5,6,3,4,8}"], await pipeline.Database.RowsAsync("SELECT states::text FROM control.tasks WHERE request_id = 'dies'", r => r.GetString(0)));
        await Until.TrueAsync("the letters are stored", Within, () => pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters WHERE consumer = 'analysis'"), n => n == 2);
        Assert.Equal(["engine:algorithm_failed|analysis_refused|1", "engine:worker_crashed|retries_exhausted|5"],
            await pipeline.Database.RowsAsync("SELECT concat_ws('|', fingerprint, reason, attempts) FROM pipeline.dead_letters WHERE consumer = 'analysis' ORDER BY 1", r => r.GetString(0)));
        await queues.EmptyAsync(Within);
    }

    [Theory]
    [InlineData("00:00:10")]
    [InlineData("00:00:00")]
    public async Task A_cancelled_request_ends_at_once_whether_it_runs_or_waits(string longFrom)
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(1);
        var (host, api) = await StartAsync(pipeline, WithPython(queues, ("Pipeline__Analysis__LongFrom", longFrom), ("Pipeline__Analysis__JobsMax", "1")));
        await PythonAsync(host);
        foreach (var id in (string[])["runs", "waits"])
            await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), $$$"""{"request_id":"{{{id}}}","algorithm":"sleeps","input":{"values":[600]},"timeout_seconds":600}""");
        await Until.TrueAsync("one runs", Within, () => StateAsync(pipeline, "runs"), s => s == 4);
        foreach (var id in (string[])["waits", "runs"])
        {
            var (status, task) = await SendAsync(HttpMethod.Delete, new Uri(api, $"api/v1/task/{id}"));
            Assert.Equal((HttpStatusCode.OK, "cancelled"), (status, task.GetProperty("status").GetString()));
        }
        await Until.TrueAsync("the worker is free again", Within, async () => (await WorkersAsync(host)).GetProperty("running").GetInt32(), running => running == 0);
        // The partition, or the job's place, goes on with others.
        await SendAsync(HttpMethod.Post, new Uri(api, "api/v1/compute"), Sum("next", 1));
        Assert.Equal("completed", (await SendAsync(HttpMethod.Get, new Uri(api, "api/v1/task/next?wait=30"))).Body.GetProperty("status").GetString());
        await queues.EmptyAsync(Within);
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
    }

    static Task<short> StateAsync(PipelineUnderTest pipeline, string id) => pipeline.Database.ValueAsync<short>($"SELECT state FROM control.tasks WHERE request_id = '{id}'");

    /// <summary>Both hosts, with the schema there: until then compute says 503.</summary>
    static async Task<(HostProcess Processors, Uri Api)> StartAsync(PipelineUnderTest pipeline, (string, string)[] processors, params (string, string)[] ingest)
    {
        var host = await pipeline.StartProcessorsAsync(processors);
        var api = (await pipeline.StartIngestAsync(ingest)).Url;
        await Until.TrueAsync("the schema is there", Within, pipeline.Database.HasSchemaAsync);
        return (host, api);
    }

    static (string, string)[] WithPython(RabbitQueues queues, params (string, string)[] more) => Settings(queues,
        [("Pipeline__Analysis__Python", "on"), ("Pipeline__Analysis__PythonFolder", Path.Combine(TestServers.Repository, "python")), ("Pipeline__Analysis__PythonAlgorithms", TestServers.Fixture("python")), .. more]);

    static async Task<JsonElement> WorkersAsync(HostProcess host) => await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(host.Url, "analysis/workers"), Stop);

    static async Task PythonAsync(HostProcess host)
    {
        var state = await Until.TrueAsync("Python has started", Within, async () => (await WorkersAsync(host)).GetProperty("python"), p => p.GetProperty("status").GetString() != "starting");
        if (state.GetProperty("status").GetString() == "unavailable")
            Assert.Skip(state.GetProperty("reason").GetString()!);
    }

    static (HttpStatusCode, string?) Code((HttpStatusCode Status, JsonElement Body) answer) => (answer.Status, answer.Body.GetProperty("code").GetString());

    static async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, Uri address, string? body = null)
    {
        using var request = new HttpRequestMessage(method, address) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using var answer = await PipelineUnderTest.Http.SendAsync(request, Stop);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Stop));
    }
}
