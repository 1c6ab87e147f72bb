using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Pipeline.Contracts.Analysis;
using Pipeline.Ingest.Tests.Host;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Processors.Tests;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Ingest.Tests.Tasks;

/// <summary>A client that asks for an analysis is answered although the broker's word does not come.</summary>
public sealed class RequestProducerTests
{
    const string Id = "owed", Body = """{"request_id":"owed","algorithm":"sum","input":{"values":[1,1]}}""";

    /// <summary>Longer than the test: by the client's own clock no report is due while it runs.</summary>
    static readonly TimeSpan DeliveryTimeout = TimeSpan.FromMinutes(2), Within = TimeSpan.FromSeconds(30);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>
    /// The broker hangs, and the host's clock runs ahead of the client's: the report is owed when the deadline is over, as by a producer that is being replaced. The row of a new request goes with the answer,
    /// its record comes to the topic later.
    /// </summary>
    [Fact]
    public async Task When_a_report_is_owed_the_client_is_answered_without_a_row_and_asked_again_the_request_ends_once()
    {
        TestServers.NeedsRealKafka("how many records a topic has");
        var name = $"owed-{Guid.NewGuid():N}";
        await using var topic = await TestTopic.CreateAsync(name, 1);
        await using var database = await TestDatabase.CreateAsync(name.Replace('-', '_'));
        var broker = TestServers.Kafka.Split(',')[0].Split(':');
        await using var relay = new Relay(broker[0], int.Parse(broker[1], System.Globalization.CultureInfo.InvariantCulture));
        relay.Hold();
        var clock = new ManualClock(TimeProvider.System.GetUtcNow());
        await using var host = await IngestInProcess.StartAsync($"127.0.0.1:{relay.Port}", topic.Name, database, DeliveryTimeout, clock);
        Task<Answer> AskAsync() => host.PostAsync("/api/v1/compute", Body);

        // 1. The row is there; the record goes to the client of Kafka next. Twice the delivery timeout, and nobody said anything.
        var asking = AskAsync();
        await Until.TrueAsync("the request has its row", Within, async () => await CountAsync(database, "state = 1") == 1);
        await Until.TrueAsync("the client is answered", Within, () =>
        {
            clock.Advance(DeliveryTimeout / 4);
            return asking.IsCompleted;
        });
        var answer = await asking;
        answer.IsProblem(503, "broker_unavailable");
        Assert.Contains(new TimeoutException().Message, answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotNull(answer.Header("Retry-After"));
        Assert.Equal((0, 404), (await CountAsync(database, "true"), (await host.GetAsync($"/api/v1/task/{Id}")).Status));

        // 2. The broker is back, and takes what it was owed; nobody was told that it would.
        relay.Release();
        await Until.TrueAsync("the record is in the topic", Within, async () => (await topic.EndsAsync()).Values.Sum() == 1);
        Assert.Equal(0, await CountAsync(database, "true"));

        // 3. Asked again it is accepted: a second record, and one row for both.
        var again = await AskAsync();
        Assert.Equal((202, "submitted"), (again.Status, again.Json.GetProperty("status").GetString()));
        Assert.Equal((2, 1), ((await topic.EndsAsync()).Values.Sum(), await CountAsync(database, "state = 1")));

        // 4. Both are read, one after the other, as processors do it.
        await EndsOnceAsync(database);
        Assert.Equal((202, "completed"), (await AskAsync() is var last ? last.Status : 0, last.Json.GetProperty("status").GetString()));
        Assert.Equal(2, (await topic.EndsAsync()).Values.Sum());
    }

    static async Task EndsOnceAsync(TestDatabase database)
    {
        await using var store = NpgsqlDataSource.Create(TestServers.PostgresSettings(new Uri(database.Uri).AbsolutePath.Trim('/')));
        var (execution, answers) = (new TaskExecution(store, "one", TimeSpan.FromMinutes(1)), new TaskAnswers(store));
        var task = new NewTask(new TaskKey("default", Id), SHA256.HashData(Encoding.UTF8.GetBytes(Body)), "sum", AnalysisPriority.Normal);
        var result = new TaskAnswer(task.Key, TaskState.Completed, """{"value":2}""", null, null);
        Assert.Equal([Admission.Execute], await execution.AdmitAsync([(task, true)], Stop));
        Assert.Equal(1, await answers.WriteAsync([result], Stop));
        Assert.Equal([Admission.Ended], await execution.AdmitAsync([(task, true)], Stop));
        Assert.Equal(0, await answers.WriteAsync([result], Stop));
        Assert.Equal(["owed|{1,2,4,7}|1"], await database.RowsAsync("SELECT concat_ws('|', request_id, states, attempts) FROM control.tasks", r => r.GetString(0)));
    }

    static Task<long> CountAsync(TestDatabase database, string condition) => database.ValueAsync<long>($"SELECT count(*) FROM control.tasks WHERE {condition}");
}
