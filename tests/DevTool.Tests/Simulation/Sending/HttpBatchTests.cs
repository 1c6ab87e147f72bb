using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;
using Pipeline.DevTool.Simulation;
using Pipeline.DevTool.Simulation.Sending;

namespace Pipeline.DevTool.Tests.Simulation.Sending;

public sealed class HttpBatchTests
{
    static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    static HttpBatch Batch(long skewMs = 0)
    {
        var batch = new HttpBatch("sim-1-1", skewMs);
        for (var i = 0; i < 3; i++)
            batch.Add(new SimulatedEvent(EventType.Error, 0, 0, 0, skewMs, IsRepeat: false, Encoding.UTF8.GetBytes($$"""{"n":{{i}}}""")));
        return batch;
    }

    [Fact]
    public void Its_body_says_the_time_of_the_senders_own_clock()
    {
        using var body = JsonDocument.Parse(Batch(skewMs: -90_000).Body(Now));
        Assert.Equal("sim-1-1", body.RootElement.GetProperty("batch_id").GetString());
        Assert.Equal(3, body.RootElement.GetProperty("events").GetArrayLength());
        Assert.Equal(Now.AddSeconds(-90), DateTimeOffset.Parse(body.RootElement.GetProperty("sent_at").GetString()!, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void What_an_answer_does_not_name_is_accepted_and_what_is_to_come_again_stays()
    {
        var (batch, tally) = (Batch(), new Tally());
        batch.Settle(new Dictionary<int, (string, string)> { [0] = ("rejected", "missing_field"), [2] = ("retry", "not_acknowledged") }, tally);
        Assert.Equal((1, 1, 1), (tally.Accepted, tally.Refused, batch.Pending));
        Assert.Equal("""[{"n":2}]""", Events(batch));
        batch.Settle(new Dictionary<int, (string, string)>(), tally);
        Assert.Equal((2, 1, 0), (tally.Accepted, tally.Refused, batch.Pending));
    }

    [Fact]
    public void A_batch_of_which_nothing_is_valid_is_refused_as_a_whole()
    {
        var (batch, tally) = (Batch(), new Tally());
        batch.RefuseAll("nothing_valid", tally);
        Assert.Equal((0, 3, 0), (tally.Accepted, tally.Refused, batch.Pending));
    }

    static string Events(HttpBatch batch)
    {
        using var body = JsonDocument.Parse(batch.Body(Now));
        return body.RootElement.GetProperty("events").GetRawText();
    }
}
