using System.Text.Json;
using Pipeline.Contracts.Events;
using Pipeline.Ingest.Events;
using Pipeline.Sinks.Hosting;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

public sealed class BatchAnswerTests
{
    const string Id = "0190a2c4-5b1e-7c3d-8a5f-0123456789ab";
    static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddYears(54);

    [Fact]
    public async Task All_accepted_is_a_success_without_results()
    {
        var json = await AnswerAsync([Performance, Performance], Verdict.Accepted, Verdict.Accepted);
        Assert.Equal("""{"status":"success","message":"2 events accepted","batch_id":"b-1","timestamp":"2024-01-01T00:00:00Z","processed_count":2,"total_count":2,"results":[]}""", json);
    }

    [Fact]
    public async Task What_was_not_accepted_is_listed_with_its_index_id_and_reason()
    {
        string[] events = [Performance, Event("u", Id), Performance, Event("", Id), "{}"];
        using var answer = JsonDocument.Parse(await AnswerAsync(events, Verdict.Accepted, Verdict.Retry, Verdict.Retry, Verdict.Rejected, Verdict.Rejected));
        Assert.Equal(("partial", 1, 5), (answer.RootElement.GetProperty("status").GetString(), answer.RootElement.GetProperty("processed_count").GetInt32(), answer.RootElement.GetProperty("total_count").GetInt32()));
        var results = answer.RootElement.GetProperty("results").EnumerateArray().Select(r =>
            (r.GetProperty("index").GetInt32(), r.GetProperty("event_id").GetString(), r.GetProperty("verdict").GetString(), r.GetProperty("reason").GetString())).ToList();
        Assert.Equal(
        [
            (1, Id, "retry", "not_acknowledged"), (2, EventIdentity.FromBatch("b-1", 2, Performance.Bytes()).ToString(), "retry", "not_acknowledged"),
            (3, null, "rejected", "invalid_length"), (4, null, "rejected", "missing_field"),
        ], results);
        Assert.All(answer.RootElement.GetProperty("results").EnumerateArray(), r => Assert.NotEmpty(r.GetProperty("detail").GetString()!));
    }

    [Fact]
    public async Task Times_are_judged_when_the_whole_envelope_is_known()
    {
        const long received = 1_704_067_200_000_000;
        using var batch = await BatchAsync([Performance.Replace("2024-01-01T00:00:00Z", "2024-01-02T00:00:00.000001Z", StringComparison.Ordinal), Performance,
            Performance.Replace("2024", "1999", StringComparison.Ordinal), Performance.Replace("2024", "0001", StringComparison.Ordinal), Performance.Replace("2024", "9999", StringComparison.Ordinal)]);
        batch.CheckTimes(received);
        Assert.Equal([Verdict.Rejected, Verdict.Pending, Verdict.Rejected, Verdict.Rejected, Verdict.Rejected], Enumerable.Range(0, 5).Select(i => batch[i].Verdict));
        Assert.Equal(new EventFault(FaultReason.TimestampOutOfRange, "timestamp"), batch[4].Fault);
    }

    static async Task<string> AnswerAsync(string[] events, params Verdict[] verdicts)
    {
        using var batch = await BatchAsync(events);
        for (var i = 0; i < verdicts.Length; i++)
            batch[i].Verdict = verdicts[i];
        return JsonSerializer.Serialize(BatchAnswer.Of(batch, Now, null), BatchAnswer.Json);
    }

    static async Task<EventBatch> BatchAsync(string[] events)
    {
        var body = new RequestBody(new InFlightBytes(1 << 20), 1 << 20);
        Assert.Null(await body.ReadAsync(Request(new MemoryStream(Batch(events).Bytes())).Request, TestContext.Current.CancellationToken));
        var batch = new EventBatch(body);
        Assert.Null(BatchReader.Read(batch));
        return batch;
    }
}
