using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>Requests by the topic while Ingest cannot reach the broker, which takes connections and says nothing.</summary>
public sealed class UnreachableBrokerTests
{
    const string Request = """{"request_id":"a","algorithm":"sum","input":{"values":[1,1]}}""";

    static readonly TimeSpan DeliveryTimeout = TimeSpan.FromSeconds(2), Within = TimeSpan.FromSeconds(60);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_is_refused_in_time_and_leaves_no_row_and_asked_again_when_the_broker_is_back_it_is_completed_once()
    {
        await using var queues = RabbitQueues.Create(road: "analysis");
        await using var pipeline = await (await PipelineUnderTest.CreateAsync(1)).WithAnalysisAsync(1);
        var broker = TestServers.Kafka.Split(',')[0].Split(':');
        await using var relay = new Relay(broker[0], int.Parse(broker[1], CultureInfo.InvariantCulture));
        relay.Hold();
        await pipeline.StartProcessorsAsync([.. queues.Settings, ("Pipeline__Processors__Roles", "analysis,results-postgres,failures"), ("Pipeline__Analysis__Python", "off")]);
        var api = (await pipeline.LaunchIngestAsync(("Pipeline__Kafka__BootstrapServers", $"127.0.0.1:{relay.Port}"), ("Pipeline__Kafka__DeliveryTimeout", $"{DeliveryTimeout}"))).Url;
        await Until.TrueAsync("the schema is there", Within, pipeline.Database.HasSchemaAsync);

        // Twice: what was refused is in nobody's way.
        for (var i = 0; i < 2; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            var (status, problem) = await ComputeAsync(api);
            Assert.Equal((503, "broker_unavailable"), (status, problem.GetProperty("code").GetString()));
            Assert.InRange(Stopwatch.GetElapsedTime(asked), DeliveryTimeout / 2, (DeliveryTimeout * 2) + TimeSpan.FromSeconds(5));
            Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks"));
        }

        relay.Release();
        await Until.TrueAsync("the request is accepted", Within, async () => (await ComputeAsync(api)).Status, status => status == 202);
        var task = await PipelineUnderTest.Http.GetFromJsonAsync<JsonElement>(new Uri(api, "api/v1/task/a?wait=30"), Stop);
        Assert.Equal(("completed", 2), (task.GetProperty("status").GetString(), task.GetProperty("result").GetProperty("value").GetInt32()));
        await queues.EmptyAsync(Within);
        Assert.Equal(["a|7|1|1"], await pipeline.Database.RowsAsync(
            "SELECT concat_ws('|', request_id, state, attempts, (SELECT count(*) FROM unnest(states) s WHERE s >= 7)) FROM control.tasks", r => r.GetString(0)));
        Assert.Equal(0, await pipeline.Database.ValueAsync<long>("SELECT count(*) FROM pipeline.dead_letters"));
    }

    static async Task<(int Status, JsonElement Body)> ComputeAsync(Uri api)
    {
        using var answer = await PipelineUnderTest.Http.PostAsync(new Uri(api, "api/v1/compute"), new StringContent(Request, Encoding.UTF8, "application/json"), Stop);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Stop));
    }
}
