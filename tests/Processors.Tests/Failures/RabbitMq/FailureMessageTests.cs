using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using RabbitMQ.Client;
using static Pipeline.Processors.Tests.Failures.FailedRecords;

namespace Pipeline.Processors.Tests.Failures.RabbitMq;

public sealed class FailureMessageTests
{
    [Fact]
    public async Task What_went_through_a_queue_is_what_was_put_in()
    {
        await using var rabbit = await Rabbit.StartAsync();
        await rabbit.DeclareAsync();
        var plain = Record() with { Attempt = 4, Algorithm = "kmeans", AlgorithmVersion = "1.2" };
        var big = new byte[300_000];
        new Random(1).NextBytes(big);
        FailedRecord[] records =
        [
            plain, plain with { Key = null }, plain with { Key = [] }, plain with { Value = null }, plain with { Value = [] }, plain with { Headers = [] }, plain with { Algorithm = null },
            plain with { Key = big }, plain with { Key = big, Value = null }, plain with { Headers = [new("big", big), new("none", null), new(new string('ü', 20_000), [])], Key = null },
            plain with { Cause = plain.Cause with { Stage = "sending", Kind = "invalid", Reason = FaultReason.StoreRefused, Message = "", Fingerprint = null } },
        ];
        await rabbit.Publisher().PublishAsync([.. records.Select((r, i) => FailureMessage.Write(r, rabbit.Names.DeadLetters, dead: i % 2 == 0))], Rabbit.Stop);
        for (var i = 0; i < records.Length; i++)
        {
            var message = await rabbit.TakeAsync(rabbit.Names.DeadLetters);
            Assert.True(FailureMessage.TryRead(message.BasicProperties, message.Body.ToArray(), out var read, out var dead));
            Assert.Equal(i % 2 == 0, dead);
            Assert.Equal("failing/AAAAAAAAAAAAAAAAAAAAAQ/3/7", message.BasicProperties.MessageId);
            Assert.Equal(JsonSerializer.Serialize(records[i] with { Cause = records[i].Cause with { Fingerprint = records[i].Fingerprint } }), JsonSerializer.Serialize(read));
        }
        Assert.Equal(plain.Value, FailureMessage.Write(plain, "", dead: false).Body.ToArray());
    }

    [Fact]
    public void A_message_of_a_stranger_is_none_of_ours_whatever_it_holds()
    {
        Assert.False(FailureMessage.TryRead(new BasicProperties(), [], out _, out _));
        var ours = FailureMessage.Write(Record(), "", dead: false);
        foreach (var name in ours.Properties.Headers!.Keys.Except(["pipeline-key", "pipeline-headers"]))
            foreach (var other in (object?[])[null, "x", -1L, new List<object?> { 1 }, new byte[] { 0xFF }, long.MaxValue])
            {
                var headers = new Dictionary<string, object?>(ours.Properties.Headers) { [name] = other };
                FailureMessage.TryRead(new BasicProperties { Headers = headers }, ours.Body.ToArray(), out _, out _);
                headers.Remove(name);
                Assert.False(FailureMessage.TryRead(new BasicProperties { Headers = headers }, ours.Body.ToArray(), out _, out _), name);
            }
        var framed = new Dictionary<string, object?>(ours.Properties.Headers) { ["pipeline-body"] = "framed" };
        foreach (var body in (byte[][])[[], [0, 0, 0, 9], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]])
            Assert.False(FailureMessage.TryRead(new BasicProperties { Headers = framed }, body, out _, out _));
    }

    [Fact]
    public void A_letter_of_a_stranger_keeps_its_bytes_and_its_name_is_their_digest()
    {
        var properties = new BasicProperties { Headers = new Dictionary<string, object?> { ["text"] = "t"u8.ToArray(), ["number"] = 5 } };
        var letter = DeadMessages.Read("some-queue", properties, "garbage"u8.ToArray(), At);
        Assert.Equal(("failures", "some-queue", 0, 0L), (letter.Log.Consumer, letter.Log.Topic, letter.Log.Partition, letter.Offset));
        Assert.Matches("^[0-9a-f]{64}$", letter.Log.TopicId);
        Assert.Equal(("garbage", FaultReason.UnreadableMessage, "invalid"), (Encoding.UTF8.GetString(letter.Value!), letter.Cause.Reason, letter.Cause.Kind));
        Assert.Equal([("number", "5"), ("text", "t")], letter.Headers.Select(h => (h.Key, Encoding.UTF8.GetString(h.Value!))));
    }

    [Fact]
    public void Letters_of_strangers_are_told_apart_by_their_headers_where_their_bytes_are_alike()
    {
        // As of a later version of ours, whose place stands in the headers.
        static string Place(params (string, object?)[] headers) =>
            DeadMessages.Read("q", new BasicProperties { Headers = headers.ToDictionary(h => h.Item1, h => h.Item2) }, [], At).Log.TopicId;
        Assert.Equal(4, new[] { Place(), Place(("pipeline-offset", 1L)), Place(("pipeline-offset", 2L)), Place(("a", "b"u8.ToArray())) }.Distinct().Count());
        Assert.Equal(Place(("a", 1L), ("b", 2L)), Place(("b", 2L), ("a", 1L), ("x-delivery-count", 3L)));
        var later = FailureMessage.Write(Record(), "", dead: false);
        later.Properties.Headers!["pipeline-version"] = 2;
        var letter = DeadMessages.Read("q", later.Properties, later.Body.ToArray(), At);
        Assert.Equal("7", Encoding.UTF8.GetString(letter.Headers.Single(h => h.Key == "pipeline-offset").Value!));
    }
}
